"""What is due by the clocks on a wall, found minute by minute: slow, and plain to read."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


class Minute(NamedTuple):
    """A minute of UTC, what the wall shows, and what it left out just before."""

    instant: datetime
    local: datetime
    is_repeated: bool
    left_out: tuple[datetime, ...]


class Spoken(NamedTuple):
    """A cron expression, and the same in sets that need no reading."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    is_fixed: bool

    def names(self, local: datetime) -> bool:
        return (
            local.minute in self.minutes
            and local.hour in self.hours
            and local.day in self.days
            and local.month in self.months
        )


def spoken(
    text: str,
    minutes: Iterable[int],
    hours: Iterable[int] = range(24),
    days: Iterable[int] = range(1, 32),
    months: Iterable[int] = range(1, 13),
) -> Spoken:
    """Put an expression beside its sets."""
    is_fixed = not set(text.split()[1]) & {"*", "/"}
    sets = [frozenset(values) for values in (minutes, hours, days, months)]
    return Spoken(text, *sets, is_fixed)


SPOKEN = [
    spoken("0 0 * * *", [0], [0]),
    spoken("30 0 * * *", [30], [0]),
    spoken("30 1 * * *", [30], [1]),
    spoken("15,45 2 * * *", [15, 45], [2]),
    spoken("*/15 1-3 * * *", [0, 15, 30, 45], [1, 2, 3]),
    spoken("7 23,0,2 * * *", [7], [23, 0, 2]),
    spoken("59 3 1,30 * *", [59], [3], days=[1, 30]),
    spoken("0 9 * 3,10 *", [0], [9], months=[3, 10]),
    spoken("* * * * *", range(60)),
    spoken("0 * * * *", [0]),
    spoken("10 * * * *", [10]),
    spoken("40-50 * * * *", range(40, 51)),
    spoken("20 * 30 * *", [20], days=[30]),
    spoken("0 */2 * * *", [0], range(0, 24, 2)),
    spoken("25 */2 * * *", [25], range(0, 24, 2)),
    spoken("*/20 1-23/2 * * *", [0, 20, 40], range(1, 24, 2)),
    spoken("5 */3 * * *", [5], range(0, 24, 3)),
    spoken("50 2/4 * * *", [50], range(2, 24, 4)),
]


def minutes_of(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Minute]:
    """Walk the minutes from one to another, which is outside."""
    # No clocks were set back by more than seven hours.
    instant = start - timedelta(hours=8)
    shown = _local(zone, instant)
    latest = shown
    while (instant := instant + MINUTE) < end:
        local = _local(zone, instant)
        missing = range(1, (local - shown) // MINUTE)
        left_out = tuple(shown + MINUTE * at for at in missing) if missing else ()
        if instant >= start:
            yield Minute(instant, local, local <= latest, left_out)
        shown, latest = local, max(latest, local)


def is_due(words: Spoken, minute: Minute) -> bool:
    """Tell whether an expression is due in a minute."""
    if words.names(minute.local) and not (minute.is_repeated and words.is_fixed):
        return True
    left_out = [local for local in minute.left_out if words.names(local)]
    if words.is_fixed:
        return bool(left_out)
    # What is missing on the wall and named again as much later is due as if nothing happened.
    gap = MINUTE * len(minute.left_out)
    return any(not words.names(local + gap) for local in left_out)


def changes_of(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return the hours in which a zone's offset becomes another."""
    hours = [start + timedelta(hours=at) for at in range((end - start) // timedelta(hours=1))]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hours[at] for at in range(1, len(hours)) if offsets[at] != offsets[at - 1]]


def _local(zone: ZoneInfo, instant: datetime) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def utc(year: int, month: int = 1, day: int = 1, *time: int) -> datetime:
    """Return a moment in UTC."""
    return datetime(year, month, day, *time, tzinfo=UTC)
