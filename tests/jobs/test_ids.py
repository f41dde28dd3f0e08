"""Public ids."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_taskq.jobs.ids import new_id, parse_id


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(new_id())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert str(made) == str(uuid.UUID(str(made)))


def test_ids_carry_the_time_so_that_later_ones_sort_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    for nanos in (1_800_000_000_000_000_000, 1_800_000_000_001_000_000, 1_900_000_000_000_000_000):
        monkeypatch.setattr("django_taskq.jobs.ids.time.time_ns", lambda nanos=nanos: nanos)
        made.append(new_id())

    assert made == sorted(made)
    assert [uuid.UUID(id).int >> 80 for id in made] == [
        1_800_000_000_000, 1_800_000_000_001, 1_900_000_000_000,
    ]  # fmt: skip


def test_ids_of_the_same_moment_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_taskq.jobs.ids.time.time_ns", lambda: 1_800_000_000_000_000_000)

    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(8_000)))

    assert len(set(made)) == len(made)


def test_an_id_is_shorter_than_what_django_allows() -> None:
    assert len(new_id()) < 64


def test_an_id_is_read_in_every_common_spelling() -> None:
    id = new_id()

    assert parse_id(id) == id
    assert parse_id(id.upper()) == id
    assert parse_id(id.replace("-", "")) == id
    assert parse_id(uuid.UUID(id)) == id


@pytest.mark.parametrize(
    "text", ["", "123", "x" * 36, "g" * 32, None, 7, b"0" * 32, "0" * 31, ["0" * 32], "\x00" * 36]
)
def test_what_is_no_id_reads_as_none(text: object) -> None:
    assert parse_id(text) is None


@given(st.text() | st.text("0123456789abcdef-{}", min_size=30, max_size=40))
def test_no_text_makes_reading_an_id_fail(text: str) -> None:
    parsed = parse_id(text)

    assert parsed is None or parse_id(parsed) == parsed
