"""When the ticks of a schedule are due."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

from django_taskq.scheduling.clocks import FIRST_YEAR, LAST_YEAR

INSTANT = timedelta(microseconds=1)
FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
LAST = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)


class Timing(ABC):
    """The due instants of a schedule from `start_at` to `end_at`, both included.

    All of them are aware and in UTC, and follow from the definition alone: whoever asks, and
    whenever, is told the same.
    """

    def __init__(self, start_at: datetime | None = None, end_at: datetime | None = None) -> None:
        self.start_at, self.end_at = start_at, end_at
        self._start = max(start_at or FIRST, FIRST)
        self._end = min(end_at or LAST, LAST)

    def next_after(self, after: datetime) -> datetime | None:
        """Return the first due instant that is later, None when none will ever come."""
        after = max(after, self._start - INSTANT)
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
        after, until = max(after, self._start - INSTANT), min(until, self._end)
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
