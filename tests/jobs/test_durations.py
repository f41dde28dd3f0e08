"""Durations are seconds or timedeltas."""

from datetime import timedelta

import pytest

from django_taskq.jobs.durations import LONGEST, check_duration, in_seconds, told


@pytest.mark.parametrize(("value", "seconds"), [(3, 3.0), (0.5, 0.5), (timedelta(minutes=1), 60.0)])
def test_a_duration_has_seconds(value: float | timedelta, seconds: float) -> None:
    assert check_duration(value) is None
    assert in_seconds(value) == seconds


@pytest.mark.parametrize("value", [0, -1, True, None, "1", float("nan"), float("inf"), LONGEST + 1])
def test_what_is_none_is_told_with_what_was_expected(value: object) -> None:
    wrong = check_duration(value)
    assert wrong is not None
    assert "seconds (or a timedelta) above 0" in wrong
    assert repr(value) in wrong


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.05, "0.05 s"), (59, "59 s"), (60, "1 min"), (5400, "1.5 h"), (129_600, "36 h"),
     (30 * 86_400, "30 days")],
)  # fmt: skip
def test_a_duration_is_told_in_the_unit_that_fits_it(seconds: float, text: str) -> None:
    assert told(seconds) == text
