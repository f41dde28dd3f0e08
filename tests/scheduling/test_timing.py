"""Every kind of timing answers alike, whichever way it is asked."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_taskq.exceptions import InvalidSchedule, TaskqError
from django_taskq.scheduling.interval import parse_every
from django_taskq.scheduling.jitter import jitter_of
from django_taskq.scheduling.timing import Timing
from django_taskq.scheduling.timings import make_timing
from tests.scheduling.wall import SPOKEN, utc

ZONES = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
MOMENTS = st.datetimes(
    datetime.fromisoformat("2009-01-01"),
    datetime.fromisoformat("2031-01-01"),
    timezones=st.just(UTC),
)
EXPRESSIONS = [
    *[words.text for words in SPOKEN],
    "0 2 * * * */20", "* * * * * 7", "0 0 L * *", "30 2 * * sun#1", "H H * * *", "@yearly",
]  # fmt: skip
SPANS = st.floats(0, 3 * 366 * 86_400).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    """Make a timing of any kind, in any zone, sometimes with bounds."""
    kind: dict[str, Any] = draw(
        st.one_of(
            st.sampled_from(EXPRESSIONS).map(lambda text: {"expression": text}),
            st.floats(1, 10_000_000).map(lambda seconds: {"every": seconds}),
            MOMENTS.map(lambda moment: {"at": moment}),
        )
    )
    start = draw(st.none() | MOMENTS)
    end = draw(st.none() | (SPANS.map(start.__add__) if start else MOMENTS))
    try:
        return make_timing(
            **kind,
            timezone=draw(st.sampled_from(ZONES)),
            name="report",
            anchor=draw(st.none() | MOMENTS),
            start_at=start,
            end_at=end,
        )
    except InvalidSchedule:
        # Nothing is due between these bounds.
        return make_timing(**kind)


@settings(max_examples=150, deadline=None)
@given(timings(), MOMENTS, SPANS, st.integers(0, 40))
def test_all_ways_to_ask_agree(
    timing: Timing, after: datetime, span: timedelta, limit: int
) -> None:
    listed, due = [], timing.next_after(after)
    while due is not None and len(listed) < limit:
        assert due > (listed[-1] if listed else after)
        assert due.tzinfo is UTC
        listed.append(due)
        due = timing.next_after(due)
    until = after + span
    inside = [due for due in listed if due <= until]
    assert timing.between(after, until, limit) == inside
    assert timing.count(after, until, limit) == len(inside)
    last = timing.last_until(until)
    if last is not None:
        following = timing.next_after(last)
        assert last <= until
        assert following is None or following > until
        assert timing.next_after(last - timedelta(microseconds=1)) == last
        assert timing.start_at is None or last >= timing.start_at
        assert timing.end_at is None or last <= timing.end_at
    elif limit:
        assert inside == []


@pytest.mark.parametrize("expression", ["* * * * * *", "* * * * *", "*/7 */5 * * *", "0 3 * * *"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_long_outage_is_counted_without_a_list(expression: str, zone: str) -> None:
    timing = make_timing(expression=expression, timezone=zone)
    whole = timing.count(utc(1990), utc(2020), 10**12)
    parts = [timing.count(utc(year), utc(year + 1), 10**12) for year in range(1990, 2020)]
    assert whole == sum(parts)
    assert whole > 30 * 364
    assert timing.count(utc(1990), utc(2020), 5) == 5


def test_the_bounds_belong_to_the_schedule() -> None:
    timing = make_timing(
        expression="0 9 * * *",
        timezone="Europe/Paris",
        start_at=datetime.fromisoformat("2026-05-01T09:00"),
        end_at=datetime.fromisoformat("2026-05-03T09:00"),
    )
    days = [utc(2026, 5, day, 7) for day in (1, 2, 3)]
    assert timing.between(utc(2020), utc(2030), 10) == days
    assert timing.next_after(days[-1]) is None
    assert timing.last_until(utc(2030)) == days[-1]
    assert timing.last_until(days[0] - timedelta(seconds=1)) is None
    assert timing.between(utc(2020), utc(2030), 2) == days[:2]


def test_an_interval_does_not_drift_from_its_anchor() -> None:
    anchor = utc(2026, 11, 28, 9, 0, 7)
    timing = make_timing(every=1.1, anchor=anchor)
    assert timing.next_after(anchor) == anchor + timedelta(seconds=1.1)
    assert timing.last_until(anchor + timedelta(days=11)) == anchor + timedelta(days=11)
    assert timing.count(anchor, anchor + timedelta(days=11), 10**9) == 864_000


def test_an_interval_without_an_anchor_ticks_when_it_starts() -> None:
    start = utc(2026, 11, 28, 9, 0, 7)
    assert make_timing(every=3600, start_at=start).next_after(utc(2026)) == start


def test_a_single_tick_is_a_local_time_of_its_zone() -> None:
    at = datetime.fromisoformat("2026-12-24T18:00")
    timing = make_timing(at=at, timezone="America/New_York")
    assert timing.between(utc(2026), utc(2028), 9) == [utc(2026, 12, 24, 23)]


def test_nothing_is_due_where_calendars_end() -> None:
    far = datetime.max.replace(tzinfo=UTC)
    for timing in (make_timing(expression="* * * * *"), make_timing(every=1)):
        assert timing.next_after(far) is None
        last = timing.last_until(far)
        assert last is not None
        assert timing.last_until(datetime.min.replace(tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {},
            "Expected exactly one of expression (cron), every (seconds) and at (a time), got none.",
        ),
        ({"expression": "@daily", "every": 5.0}, "got expression and every."),
        ({"every": 0.5}, "every: expected from 1 second to 3660 days, in seconds, got 0.5."),
        ({"every": -60}, "got -60."),
        ({"every": float("nan")}, "got nan."),
        ({"every": float("inf")}, "got inf."),
        ({"every": True}, "got True."),
        ({"every": "60"}, "got '60'."),
        ({"every": 5, "timezone": "Mars"}, "timezone: expected the name of an IANA time zone"),
        (
            {"every": 5, "start_at": utc(2026), "end_at": utc(2025)},
            "end_at: expected a time after start_at, which is 2026-01-01T00:00:00+00:00, got 2025-",
        ),
        (
            {"expression": "0 0 29 2 *", "start_at": utc(2025), "end_at": utc(2026)},
            "can never fire: expected something due from 2025-01-01T00:00:00+00:00 to 2026-01-01",
        ),
        ({"at": utc(2026), "start_at": utc(2027)}, "can never fire"),
    ],
)
def test_what_is_wrong_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSchedule, match=re.escape(said)) as refused:
        make_timing(**wrong)
    assert isinstance(refused.value, TaskqError)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), ("90", 90),
     ("1.5", 1.5), ("1.5h", 5400), ("1d12h", 129_600), (" 5M ", 300), (45, 45), (2.5, 2.5)],
)  # fmt: skip
def test_an_interval_is_read_as_people_write_it(text: str | float, seconds: float) -> None:
    assert parse_every(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "s", "5x", "5 m", "-5m", "m5", "30m1h", "1h1h", "0", "0.5s", "5000d", "1e3", "٣", "1h30"],
)
def test_another_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchedule, match=r"^every: expected .* from 1 second|^every: .* 3660"):
        parse_every(text)


def test_jitter_is_spread_below_its_bound_and_the_same_each_time() -> None:
    due = utc(2026, 11, 28)
    delays = [jitter_of(f"report-{number}", due, 60) for number in range(1000)]
    assert delays == [jitter_of(f"report-{number}", due, 60) for number in range(1000)]
    assert timedelta() <= min(delays) < timedelta(seconds=1)
    assert timedelta(seconds=59) < max(delays) < timedelta(seconds=60)
    assert jitter_of("report", due, 0) == timedelta()
    assert jitter_of("report", due, 60) != jitter_of("report", due + timedelta(hours=1), 60)
    assert jitter_of("report", due, 60) == jitter_of("report", due.astimezone(), 60)
