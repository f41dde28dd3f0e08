"""Cron ticks are those that somebody sees who looks at the clock on the wall each minute."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from django_taskq.scheduling.timings import make_timing
from tests.scheduling.wall import SPOKEN, Minute, changes_of, is_due, minutes_of, utc

# A zone, and a year in which its clocks were changed in an uncommon way, or as each year.
ZONES = [
    ("Africa/Cairo", 2023),
    ("Africa/Casablanca", 2025),
    ("Africa/El_Aaiun", 2025),
    ("America/Asuncion", 2024),
    ("America/Caracas", 2016),
    ("America/Danmarkshavn", 1996),
    ("America/Godthab", 2023),
    ("America/Guyana", 1975),
    ("America/Havana", 2026),
    ("America/Los_Angeles", 2026),
    ("America/Mexico_City", 2022),
    ("America/Montevideo", 1974),
    ("America/New_York", 2026),
    ("America/Nuuk", 2026),
    ("America/Recife", 2000),
    ("America/Sao_Paulo", 2018),
    ("America/Scoresbysund", 2024),
    ("America/St_Johns", 2010),
    ("Antarctica/Casey", 2020),
    ("Antarctica/Macquarie", 2026),
    ("Antarctica/Troll", 2026),
    ("Antarctica/Vostok", 1994),
    ("Asia/Amman", 2022),
    ("Asia/Beirut", 2026),
    ("Asia/Gaza", 2023),
    ("Asia/Kathmandu", 1985),
    ("Asia/Kolkata", 2026),
    ("Asia/Pyongyang", 2018),
    ("Asia/Tehran", 2021),
    ("Atlantic/Azores", 2026),
    ("Australia/Adelaide", 2026),
    ("Australia/Lord_Howe", 2026),
    ("Europe/Dublin", 2026),
    ("Europe/Istanbul", 2016),
    ("Europe/London", 2026),
    ("Europe/Paris", 2026),
    ("Pacific/Apia", 2011),
    ("Pacific/Auckland", 2026),
    ("Pacific/Chatham", 2026),
    ("Pacific/Kiritimati", 1994),
]
# In a run of minutes, from the first on.
MOST_TRIED = 200
BEFORE, AFTER = timedelta(hours=5), timedelta(hours=27)


def check(key: str, minutes: list[Minute]) -> None:
    """Compare all expressions over a run of minutes."""
    first, last = minutes[0].instant, minutes[-1].instant
    before = first - timedelta(microseconds=1)
    for words in SPOKEN:
        due = [minute.instant for minute in minutes if is_due(words, minute)]
        timing = make_timing(expression=words.text, timezone=key)
        assert timing.between(before, last, len(minutes) + 1) == due, words.text
        assert timing.count(before, last, len(minutes) + 1) == len(due), words.text
        # Both ways are tried from ticks, and from a moment between two.
        for earlier, later in list(pairwise(due))[:: len(due) // MOST_TRIED + 1]:
            middle = earlier + (later - earlier) / 2
            assert timing.last_until(middle) == timing.last_until(earlier) == earlier, words.text
            assert timing.next_after(middle) == later, words.text


@pytest.mark.parametrize(("key", "year"), ZONES, ids=[key for key, _ in ZONES])
def test_the_ticks_around_each_change_of_clocks_are_those_on_the_wall(key: str, year: int) -> None:
    zone = ZoneInfo(key)
    changes = changes_of(zone, utc(year), utc(year + 1, 1, 2)) or [utc(year, 6)]
    for change in changes:
        check(key, list(minutes_of(zone, change - BEFORE, change + AFTER)))


@pytest.mark.soak
@pytest.mark.parametrize(("key", "year"), ZONES, ids=[key for key, _ in ZONES])
def test_the_ticks_of_ten_years_are_those_on_the_wall(key: str, year: int) -> None:
    zone, start = ZoneInfo(key), utc(min(year - 4, 2024))
    for quarter in range(40):
        first = start + timedelta(days=92 * quarter)
        check(key, list(minutes_of(zone, first, first + timedelta(days=92))))


def seen(key: str, expression: str, start: str, count: int) -> list[str]:
    """Return ticks after a local time, as the wall shows them."""
    zone = ZoneInfo(key)
    after = datetime.fromisoformat(start).replace(tzinfo=zone)
    timing = make_timing(expression=expression, timezone=key)
    found = timing.between(after, after + timedelta(days=400), count)
    return [f"{due.astimezone(zone):%d %H:%M%z}" for due in found]


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("30 2 * * *", ["29 03:00+0200", "30 02:30+0200"]),
        ("0,30 2 * * *", ["29 03:00+0200", "30 02:00+0200"]),
        ("30 2,3 * * *", ["29 03:00+0200", "29 03:30+0200"]),
        ("30 * * * *", ["29 00:30+0100", "29 01:30+0100", "29 03:30+0200"]),
        ("*/30 1-23/1 * * *", ["29 01:00+0100", "29 01:30+0100", "29 03:00+0200"]),
        ("*/30 */2 * * *", ["29 00:30+0100", "29 03:00+0200", "29 04:00+0200"]),
    ],
)
def test_when_clocks_go_forward_what_is_left_out_runs_once(
    expression: str, ticks: list[str]
) -> None:
    assert seen("Europe/Paris", expression, "2026-03-29T00:00", len(ticks)) == ticks


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("30 2 * * *", ["25 02:30+0200", "26 02:30+0100"]),
        ("0 1-3 * * *", ["25 01:00+0200", "25 02:00+0200", "25 03:00+0100"]),
        ("30 * * * *", ["25 01:30+0200", "25 02:30+0200", "25 02:30+0100", "25 03:30+0100"]),
        ("0 */2 * * *", ["25 02:00+0200", "25 02:00+0100", "25 04:00+0100"]),
    ],
)
def test_when_clocks_go_back_a_fixed_hour_runs_once_and_others_at_each_pass(
    expression: str, ticks: list[str]
) -> None:
    assert seen("Europe/Paris", expression, "2026-10-25T00:59", len(ticks)) == ticks


def test_the_half_hour_of_lord_howe_moves_no_more_than_half_an_hour() -> None:
    key = "Australia/Lord_Howe"
    assert seen(key, "15 2 * * *", "2026-10-04T00:00", 2) == ["04 02:30+1100", "05 02:15+1100"]
    assert seen(key, "45 1 * * *", "2026-04-05T00:00", 2) == ["05 01:45+1100", "06 01:45+1030"]
    assert seen(key, "0 * * * *", "2026-10-04T00:30", 3) == [
        "04 01:00+1030",
        "04 02:30+1100",
        "04 03:00+1100",
    ]


LEFT_OUT = "not exist on 2026-03-29 in Europe/Paris, where the clocks go from 02:00 to 03:00"
TWICE = "02:30 comes twice on 2026-10-25 in Europe/Paris"


@pytest.mark.parametrize(
    ("expression", "after", "note"),
    [
        ("30 2 * * *", "2026-03-28T12:00", f"02:30 does {LEFT_OUT}; it runs once, then."),
        (
            "*/20 2,3 * * *",
            "2026-03-29T00:00",
            f"02:00 to 02:40 do {LEFT_OUT}; it runs once, then.",
        ),
        ("30 2 * * *", "2026-10-24T12:00", f"{TWICE}; it runs at the first."),
        ("30 * * * *", "2026-10-25T02:00", f"{TWICE}; this is the first."),
        ("30 * * * *", "2026-10-25T02:30", f"{TWICE}; this is the second."),
        ("30 * * * *", "2026-03-29T01:30", None),
        ("30 2 * * *", "2026-03-27T12:00", None),
    ],
)
def test_a_tick_that_a_change_of_clocks_moves_or_merges_has_a_note(
    expression: str, after: str, note: str | None
) -> None:
    timing = make_timing(expression=expression, timezone="Europe/Paris")
    due = timing.next_after(datetime.fromisoformat(after).replace(tzinfo=ZoneInfo("Europe/Paris")))
    assert due is not None
    assert timing.note_of(due) == note
