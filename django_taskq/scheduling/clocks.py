"""The clocks of a time zone: when they are changed, and which instant a local time is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from django_taskq.exceptions import InvalidSchedule

LONGEST_NAME = 64
# Years in which ticks are looked for; zones have odd offsets before, and datetime ends after.
FIRST_YEAR, LAST_YEAR = 1970, 9900
# These differ from machine to machine, or count leap seconds.
_UNFIT = ("localtime", "posixrules", "posix/", "right/")
# No zone has changed its clocks twice within six days since 1970.
_STEP = timedelta(days=5)
_SECOND = timedelta(seconds=1)


class Stretch(NamedTuple):
    """A span of a year in which the clocks run on without a change.

    `start` and `end` are naive UTC, `end` is outside. `before` is the offset that held just
    before `start`. Local times before `fresh` were shown already, before a change that set the
    clocks back.
    """

    start: datetime
    end: datetime
    offset: timedelta
    before: timedelta
    fresh: datetime

    @property
    def opening(self) -> datetime:
        """Return the first local time of the stretch."""
        return self.start + self.offset

    @property
    def shift(self) -> timedelta:
        """Return by how much the clocks were set forward at its start; negative: back."""
        return self.offset - self.before


def parse_timezone(name: object) -> ZoneInfo:
    """Return the zone of an IANA name. Raise InvalidSchedule."""
    if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and not name.startswith(_UNFIT):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise InvalidSchedule(
        f"timezone: expected the name of an IANA time zone, as Europe/Paris or UTC, got "
        f"{_shortened(name)}{_suggestion(name)}. `zoneinfo.available_timezones()` lists those "
        "that this machine has.",
        option="timezone",
    )


def instant_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment as aware UTC; one without an offset is a local time of the zone.

    A local time that does not exist becomes the next valid instant, of one that exists twice it
    is the first.
    """
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    local = moment.replace(tzinfo=zone, fold=0)
    later = local.replace(fold=1)
    offset = local.utcoffset() or timedelta()
    if (later.utcoffset() or timedelta()) <= offset:
        return local.astimezone(UTC)
    after = stretch_at(zone, moment - offset)
    return (after.fresh - after.offset).replace(tzinfo=UTC)


def naive(moment: datetime) -> datetime:
    """Return an aware moment as naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def stretch_at(zone: ZoneInfo, moment: datetime) -> Stretch:
    """Return the stretch that a moment in naive UTC belongs to."""
    return next(stretches_from(zone, moment))


def stretches_from(zone: ZoneInfo, moment: datetime) -> Iterator[Stretch]:
    """Yield the stretch of a moment in naive UTC and those that follow."""
    for year in range(moment.year, LAST_YEAR + 1):
        yield from (s for s in _stretches(zone, year) if s.end > moment)


def stretches_back(zone: ZoneInfo, moment: datetime) -> Iterator[Stretch]:
    """Yield the stretch of a moment in naive UTC and those before it, the latest first."""
    for year in range(moment.year, FIRST_YEAR - 1, -1):
        yield from (s for s in reversed(_stretches(zone, year)) if s.start <= moment)


@lru_cache(maxsize=8192)
def _stretches(zone: ZoneInfo, year: int) -> tuple[Stretch, ...]:
    """Return the stretches of a year; one that goes on into the next year is cut there."""
    first, end = (datetime(at, 1, 1, tzinfo=UTC).replace(tzinfo=None) for at in (year, year + 1))
    # Local times of the new year may have been shown in the last days of the old.
    early = first - timedelta(days=3)
    start, offset = first, _offset(zone, early)
    before, fresh = offset, early + offset
    found = []
    for change in _changes(zone, early, end):
        if change > start:
            found.append(Stretch(start, change, offset, before, fresh))
        before, offset = offset, _offset(zone, change)
        fresh = max(fresh, change + max(before, offset))
        start = max(first, change)
        if change < first:
            before = offset
    found.append(Stretch(start, end, offset, before, fresh))
    return tuple(found)


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the moments of naive UTC at which the offset of a zone becomes another."""
    offset = _offset(zone, start)
    while start < end:
        last = min(start + _STEP, end) - _SECOND
        if _offset(zone, last) == offset:
            start = last + _SECOND
            continue
        start = _change(zone, start - _SECOND, last, offset)
        offset = _offset(zone, start)
        yield start


def _change(zone: ZoneInfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    """Return the first moment at which the offset is another: after `low`, at most `high`."""
    same, other = 0, int((high - low).total_seconds())
    while other - same > 1:
        middle = (same + other) // 2
        if _offset(zone, low + timedelta(seconds=middle)) == offset:
            same = middle
        else:
            other = middle
    return low + timedelta(seconds=other)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()


def _shortened(name: object) -> str:
    text = repr(name)
    return text if len(text) <= LONGEST_NAME + 2 else f"{text[:LONGEST_NAME]}..."


def _suggestion(name: object) -> str:
    known = {zone.lower(): zone for zone in available_timezones()}
    near = get_close_matches(str(name)[:LONGEST_NAME].lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {known[near[0]]}?" if near else ""
