"""What is kept of a log: its end, bounded in bytes, storable anywhere."""

import os
import threading

import pytest

from django_taskq.logbook import MOST_BYTES, Logbook, line_of


def book_of(*lines: str) -> Logbook:
    book = Logbook()
    for line in lines:
        book.write(line)
    return book


def test_lines_are_kept_in_their_order() -> None:
    assert book_of("one", "two\nthree", "").text() == "one\ntwo\nthree\n"


def test_a_line_has_its_time_level_and_logger() -> None:
    line = line_of(1767225600.25, "WARNING", "shop.orders", "sold out")
    assert line == "2026-01-01 00:00:00.250Z WARNING shop.orders: sold out"


def test_what_is_long_loses_its_beginning_and_says_how_much() -> None:
    book = book_of(*(f"line {number:05}" for number in range(10_000)))
    marker, _, *lines, last = book.text().split("\n")
    assert last == "line 09999"
    assert lines[-1] == "line 09998"
    left_out = int(marker.split()[1])
    assert marker == f"... {left_out} bytes left out ..."
    kept = book.text().partition("\n")[2]
    assert len(kept) + left_out == 10_000 * 11 - 1
    assert MOST_BYTES - 11 < len(kept) <= MOST_BYTES


@pytest.mark.parametrize("char", ["x", "é", "☃", "😀"])
@pytest.mark.parametrize("shift", range(4))
def test_a_character_that_would_be_cut_through_is_left_out(char: str, shift: int) -> None:
    book = book_of("x" * shift + char * MOST_BYTES)
    marker, kept = book.text().split("\n")
    assert set(kept) <= {char}
    assert int(marker.split()[1]) + len(kept.encode()) == shift + len((char * MOST_BYTES).encode())


def test_it_never_holds_more_than_twice_what_it_keeps() -> None:
    book = Logbook()
    for number in range(50):
        book.write("x" * (number * 1000))
        assert len(book._kept) <= 2 * MOST_BYTES


def test_nul_and_lone_surrogates_are_written_as_escapes() -> None:
    assert book_of("a\x00b\ud800c").text() == "a\\x00b\\ud800c"


def test_lines_of_many_threads_are_all_there() -> None:
    book = Logbook()

    def write(name: int) -> None:
        for number in range(100):
            book.write(f"{name} {number}")

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(book.text().split("\n"))) == 800


def test_a_book_of_another_process_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    book = book_of("here")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    book.write("there")
    assert book.text() == "here"
