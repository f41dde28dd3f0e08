"""What is stored of an exception, however large it is."""

from collections.abc import Callable

import pytest

from django_taskq.worker.outcomes import LONGEST_TRACEBACK, describe

# The text, and the line that says how much of it is missing.
LONGEST = LONGEST_TRACEBACK + 100


def deep() -> BaseException:
    def one(depth: int) -> None:
        two(depth - 1)

    def two(depth: int) -> None:
        # Frames in turn, which Python does not fold into one line.
        if depth < 0:
            raise ValueError("bottom")
        one(depth)

    return raised(lambda: one(400))


def chained() -> BaseException:
    error: BaseException = ValueError("last")
    for number in range(3000):
        cause, error = error, ValueError(f"link {number}")
        error.__cause__ = cause
    return error


def noted() -> BaseException:
    error = ValueError("noted")
    for number in range(5000):
        error.add_note(f"note {number} " + "x" * 50)
    return error


def grouped() -> BaseException:
    many = [ValueError("x" * 1000) for _ in range(500)]
    return ExceptionGroup("all", [ExceptionGroup("some", many) for _ in range(20)])


def huge() -> BaseException:
    return ValueError("x" * 5_000_000)


def raised(fail: Callable[[], None]) -> BaseException:
    try:
        fail()
    except ValueError as error:
        return error
    raise AssertionError("It did not raise.")


@pytest.mark.parametrize("make", [deep, chained, noted, grouped, huge])
def test_a_traceback_of_any_size_is_cut_in_the_middle(make: Callable[[], BaseException]) -> None:
    error = describe(make())
    assert LONGEST_TRACEBACK - 100 < len(error.traceback) <= LONGEST
    assert "characters left out" in error.traceback


def test_a_short_traceback_is_whole_and_its_notes_with_it() -> None:
    error = describe(raised(lambda: int("x")))  # type: ignore[arg-type, return-value]
    assert error.exception_class_path == "builtins.ValueError"
    assert "invalid literal" in error.traceback
    assert "left out" not in error.traceback
