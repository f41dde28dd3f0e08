"""Rates: how they are written, and that no pattern of asks gets more out of one than it says."""

import math
from bisect import bisect_left
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_taskq.jobs.rate import MOST, Rate, check_rate, read_rate

START = datetime(2026, 1, 1, tzinfo=UTC)
LEAST_USED = 0.95

rates = st.builds(Rate, st.integers(1, 2000), st.sampled_from([1.0, 60.0, 3600.0]))
parts = st.floats(0, 1)


def most_in_a_window(starts: list[datetime], period: float) -> int:
    """Return how many starts the fullest window of one period has; it holds its first moment."""
    ordered = sorted(starts)
    length = timedelta(seconds=period)
    return max(
        (bisect_left(ordered, at + length) - place for place, at in enumerate(ordered)), default=0
    )


def latest(rate: Rate, at: datetime, part: float) -> datetime:
    """Return a moment at which what was allowed now may still start."""
    return at + part * timedelta(seconds=rate.slack)


@given(
    rates,
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 50), parts, st.sampled_from([0.0, 0.005, 0.3])),
        max_size=200,
    ),
)
def test_no_window_of_a_period_sees_more_starts_than_the_rate_says(
    rate: Rate, asks: list[tuple[float, int, float, float]]
) -> None:
    now, next_at = START, None
    starts: list[datetime] = []
    for wait, wanted, late, patience in asks:
        now += timedelta(seconds=wait * rate.period / rate.starts)
        for _ in range(min(wanted, rate.room(next_at, now, patience))):
            # Each as early as it is counted, or as late as it is allowed.
            ends_in = rate.ends_in(next_at, now, patience)
            starts.append(now + timedelta(seconds=max(0.0, late) * ends_in))
            next_at = rate.spend(next_at, now, 1, patience)

    assert most_in_a_window(starts, rate.period) <= rate.starts


@given(rates, st.lists(st.tuples(parts, parts), min_size=50, max_size=300))
def test_whoever_asks_as_soon_as_told_stays_within_the_rate_and_uses_nearly_all_of_it(
    rate: Rate, asks: list[tuple[float, float]]
) -> None:
    now, next_at = START, None
    starts: list[datetime] = []
    for ask_late, start_late in asks:
        now += timedelta(seconds=rate.opens_in(next_at, now))
        now = latest(rate, now, ask_late)
        given = rate.room(next_at, now)
        assert given >= 1
        next_at = rate.spend(next_at, now, given)
        starts += [latest(rate, now, start_late)] * given

    assert most_in_a_window(starts, rate.period) <= rate.starts
    # From the first ask on, to the end of the time for which the last one got something.
    spent = next_at - START - asks[0][0] * timedelta(seconds=rate.slack)
    allowed = spent.total_seconds() * rate.starts / rate.period
    assert len(starts) >= LEAST_USED * allowed


@pytest.mark.parametrize("starts", [1, 7, 50, 600, 10_000])
@pytest.mark.parametrize("period", [1.0, 60.0])
def test_a_loop_that_asks_all_the_time_uses_95_percent(starts: int, period: float) -> None:
    rate = Rate(starts, period)
    step = timedelta(seconds=period / 200)
    now, next_at, used = START, None, 0
    for _ in range(200 * 40):
        if given := rate.room(next_at, now):
            next_at = rate.spend(next_at, now, given)
            used += given
        now += step

    assert 40 * starts * LEAST_USED <= used <= 40 * starts + 1


@given(st.integers(1, MOST), st.sampled_from([1.0, 60.0, 3600.0]))
def test_intervals_are_never_rounded_to_more_than_the_rate(starts: int, period: float) -> None:
    rate = Rate(starts, period)
    within = timedelta(seconds=period + 2 * rate.slack)

    assert within <= starts * rate.interval < within + timedelta(microseconds=starts)


def test_a_rate_that_was_never_used_has_room_at_once() -> None:
    rate = Rate(10, 1.0)

    assert rate.room(None, START) == 1
    assert rate.opens_in(None, START) == 0
    assert rate.spend(None, START, 1) == START + rate.interval


def test_the_next_slot_is_told_and_there_is_room_exactly_then() -> None:
    rate = Rate(10, 60.0)
    next_at = rate.spend(None, START, 1)
    wait = rate.opens_in(next_at, START)

    # An interval is a tenth of 62 s, and a start may come one second early.
    assert wait == pytest.approx(5.2)
    opens_at = START + timedelta(seconds=wait)
    assert rate.room(next_at, opens_at - timedelta(milliseconds=1)) == 0
    assert rate.room(next_at, opens_at) == 1


def test_time_in_which_nobody_asked_is_not_saved_up() -> None:
    rate = Rate(600, 60.0)
    next_at = rate.spend(None, START, 1)
    burst = 1 + math.floor(rate.slack / rate.interval.total_seconds())

    assert rate.room(next_at, START + timedelta(days=30)) == rate.room(None, START) == burst == 10


@given(st.integers(1, MOST), st.sampled_from("smh"))
def test_a_rate_that_was_read_is_written_as_it_was(starts: int, unit: str) -> None:
    text = f"{starts}/{unit}"

    assert check_rate(text) is None
    assert str(read_rate(text)) == text
    assert read_rate(text) == Rate(starts, {"s": 1.0, "m": 60.0, "h": 3600.0}[unit])


@pytest.mark.parametrize(
    "value",
    ["", "10", "10/", "/s", "0/s", "-1/s", "01/s", "1.5/s", "10/d", "10/S", "10 /s", " 10/s",
     "10/s\n", "10/sec", "1000001/s", "9999999/h", "٣/s", 10, 1.5, None, True, b"10/s", ("10/s",)],
)  # fmt: skip
def test_what_is_no_rate_is_refused_with_what_was_expected(value: object) -> None:
    wrong = check_rate(value)

    assert wrong is not None
    assert wrong.startswith('expected a rate like "10/s", "600/m" or "1000/h"')
    assert f"from 1 to {MOST}" in wrong
    assert wrong.endswith(f", got {value!r}")


@given(st.text(max_size=12))
@settings(max_examples=300)
def test_whatever_passes_the_check_can_be_read(text: str) -> None:
    if check_rate(text) is None:
        assert str(read_rate(text)) == text


def test_who_was_counted_early_has_longer_to_start() -> None:
    rate = Rate(50, 1.0)
    early = START + timedelta(seconds=rate.slack)

    assert rate.ends_in(None, START) == rate.slack
    assert rate.ends_in(START - timedelta(seconds=5), START) == rate.slack
    assert rate.ends_in(early, START) == pytest.approx(2 * rate.slack)
