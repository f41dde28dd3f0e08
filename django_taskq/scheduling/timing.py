"""When the ticks of a schedule are due."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.clocks import FIRST_YEAR, LAST_YEAR, instant_of, parse_timezone

_INSTANT = timedelta(microseconds=1)
_FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_LAST = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)


class Timing(ABC):
    """The due instants of a schedule from `start_at` to `end_at`, both included.

    All of them are aware and in UTC, and follow from the definition alone: whoever asks, and
    whenever, is told the same.
    """

    def __init__(self, start_at: datetime | None = None, end_at: datetime | None = None) -> None:
        self.start_at, self.end_at = start_at, end_at
        self._start = max(start_at or _FIRST, _FIRST)
        self._end = min(end_at or _LAST, _LAST)

    def next_after(self, after: datetime) -> datetime | None:
        """Return the first due instant that is later, None when none will ever come."""
        after = max(after, self._start - _INSTANT)
        due = self._next(after.astimezone(UTC)) if after < self._end else None
        return None if due is None or due > self._end else due

    def last_until(self, until: datetime) -> datetime | None:
        """Return the last due instant that is not later, None when none ever came."""
        until = min(until, self._end)
        due = self._last(until.astimezone(UTC)) if until >= self._start else None
        return None if due is None or due < self._start else due

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Return the due instants in (after, until], the oldest first, at most `limit`."""
        found: list[datetime] = []
        due: datetime | None = after
        while due is not None and len(found) < limit:
            due = self.next_after(due)
            if due is None or due > until:
                break
            found.append(due)
        return found

    def count(self, after: datetime, until: datetime, limit: int) -> int:
        """Return how many due instants are in (after, until], at most `limit`, unlisted."""
        after, until = max(after, self._start - _INSTANT), min(until, self._end)
        if limit <= 0 or after >= until:
            return 0
        return self._count(after.astimezone(UTC), until.astimezone(UTC), limit)

    def note_of(self, due: datetime) -> str | None:
        """Return a sentence where a change of clocks moved or merged this tick."""
        return None

    @abstractmethod
    def _next(self, after: datetime) -> datetime | None: ...

    @abstractmethod
    def _last(self, until: datetime) -> datetime | None: ...

    @abstractmethod
    def _count(self, after: datetime, until: datetime, limit: int) -> int: ...


def make_timing(
    *,
    expression: str | None = None,
    every: float | None = None,
    at: datetime | None = None,
    timezone: str = "UTC",
    name: str = "",
    anchor: datetime | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> Timing:
    """Return the timing that one of `expression`, `every` and `at` asks for.

    `name` is the schedule's, for `H` in an expression; `anchor` is an instant at which an
    interval ticks, by default `start_at`. Moments without an offset are local times of the
    zone. Raise InvalidSchedule, which says what is wrong and what is allowed.
    """
    # The kinds need the class above.
    from django_taskq.scheduling.cron import Cron
    from django_taskq.scheduling.expression import parse_expression
    from django_taskq.scheduling.interval import Interval
    from django_taskq.scheduling.once import Once

    _check_choice(expression=expression, every=every, at=at)
    zone = parse_timezone(timezone)
    start = None if start_at is None else instant_of(start_at, zone)
    end = None if end_at is None else instant_of(end_at, zone)
    timing: Timing
    if expression is not None:
        timing = Cron(parse_expression(expression, name), zone, start, end)
    elif every is not None:
        beat = None if anchor is None else instant_of(anchor, zone)
        timing = Interval(every, beat, start, end)
    elif at is not None:
        timing = Once(at, zone, start, end)
    if at is not None or start is not None or end is not None:
        _check_bounds(timing)
    return timing


def _check_choice(**given: object) -> None:
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise InvalidSchedule(
            "Expected exactly one of expression (cron), every (seconds) and at (a time), got "
            f"{' and '.join(names) or 'none'}."
        )


def _check_bounds(timing: Timing) -> None:
    start, end = timing.start_at, timing.end_at
    if start is not None and end is not None and end < start:
        raise InvalidSchedule(
            f"end_at: expected a time after start_at, which is {start.isoformat()}, got "
            f"{end.isoformat()}.",
            option="end_at",
        )
    if timing.next_after(_FIRST - _INSTANT) is None:
        raise InvalidSchedule(
            f"This schedule can never fire: expected something due from "
            f"{(start or _FIRST).isoformat()} to {(end or _LAST).isoformat()}."
        )
