"""The days on which a cron expression is due."""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, date

# A fifth Monday in February is away for 40 years at most, where 2100 is no leap year.
_MOST_MONTHS = 41 * 12
_SATURDAY, _SUNDAY = 5, 6


class Days:
    """The days that a day of the month, a month and a weekday name.

    `days` and `weekdays` are None where the field leaves them free. Where both are named, either
    will do, as in every cron. `is_last` stands for `L`, `nearest` for `W`, `ordinals` for `#` and
    `L5`: of each weekday (0 is Sunday) which ones of the month, -1 the last.
    """

    __slots__ = ("_known", "days", "is_last", "months", "nearest", "ordinals", "weekdays")

    def __init__(
        self,
        *,
        days: frozenset[int] | None,
        months: frozenset[int],
        weekdays: frozenset[int] | None,
        is_last: bool = False,
        nearest: int | None = None,
        ordinals: frozenset[tuple[int, int]] = frozenset(),
    ) -> None:
        self.days, self.months, self.weekdays = days, months, weekdays
        self.is_last, self.nearest, self.ordinals = is_last, nearest, ordinals
        self._known: dict[tuple[int, int], tuple[int, ...]] = {}

    @property
    def are_free(self) -> bool:
        """Tell whether every day is among them."""
        return self.days is None and self.weekdays is None and len(self.months) == 12

    def of(self, year: int, month: int) -> tuple[int, ...]:
        """Return those of a month, in order."""
        found = self._known.get((year, month))
        if found is None:
            found = self._known[year, month] = tuple(sorted(self._find(year, month)))
        return found

    def has(self, day: date) -> bool:
        """Tell whether a day is among them."""
        return day.day in self.of(day.year, day.month)

    def after(self, day: date) -> date | None:
        """Return the next one after a day, None where there is none in sight."""
        for year, month in _months(day, 1):
            days = self.of(year, month)
            place = bisect_right(days, day.day) if (year, month) == (day.year, day.month) else 0
            if place < len(days):
                return date(year, month, days[place])
        return None

    def before(self, day: date) -> date | None:
        """Return the last one before a day, None where there is none in sight."""
        for year, month in _months(day, -1):
            days = self.of(year, month)
            is_same = (year, month) == (day.year, day.month)
            place = bisect_left(days, day.day) if is_same else len(days)
            if place:
                return date(year, month, days[place - 1])
        return None

    def count_between(self, after: date, until: date) -> int:
        """Count those after one day and before another, later one."""
        found = -bisect_right(self.of(after.year, after.month), after.day)
        for year, month in _months(after, 1):
            if (year, month) == (until.year, until.month):
                break
            found += len(self.of(year, month))
        return found + bisect_left(self.of(until.year, until.month), until.day)

    def _find(self, year: int, month: int) -> set[int]:
        if month not in self.months:
            return set()
        first, length = monthrange(year, month)
        named = [self._by_day(first, length), self._by_weekday(first, length)]
        found = [days for days in named if days is not None]
        return set().union(*found) if found else set(range(1, length + 1))

    def _by_day(self, first: int, length: int) -> set[int] | None:
        if self.days is None:
            return None
        if self.nearest is not None:
            return {_nearest_weekday(min(self.nearest, length), first, length)}
        last = {length} if self.is_last else set()
        return {day for day in self.days if day <= length} | last

    def _by_weekday(self, first: int, length: int) -> set[int] | None:
        if self.weekdays is None:
            return None
        if not self.ordinals:
            return {d for d in range(1, length + 1) if (first + d) % 7 in self.weekdays}
        found = set()
        for weekday, ordinal in self.ordinals:
            days = [d for d in range(1, length + 1) if (first + d) % 7 == weekday]
            if ordinal <= len(days):
                found.add(days[-1] if ordinal < 0 else days[ordinal - 1])
        return found


def _nearest_weekday(day: int, first: int, length: int) -> int:
    """Return the day from Monday to Friday that is nearest within the month."""
    weekday = (first + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < length else day - 2
    return day


def _months(day: date, step: int) -> Iterator[tuple[int, int]]:
    """Yield the year and month of a day and of those that follow in one direction."""
    place = day.year * 12 + day.month - 1
    for at in range(place, place + step * _MOST_MONTHS, step):
        year, month = divmod(at, 12)
        if not MINYEAR <= year <= MAXYEAR:
            return
        yield year, month + 1
