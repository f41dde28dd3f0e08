"""Roll-ups in memory, of one process."""

from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs.counts import Counts
from django_taskq.jobs.rollups import KEPT, Rollup, Span, kept_since, start_of

type _Key = tuple[Span, datetime, str]


class Rollups:
    """Sums by span, beginning and queue. The store's lock is held around each call."""

    def __init__(self) -> None:
        self._sums: dict[_Key, Counts] = {}
        self._pruned: datetime | None = None

    def add(self, counted: Sequence[Counts], now: datetime) -> None:
        """Add to the minute, to the hour and to all time."""
        for counts in counted:
            for span in Span:
                key = span, start_of(span, now), counts.queue
                known = self._sums.get(key)
                self._sums[key] = counts if known is None else known.plus(counts)
        self._prune(now)

    def read(self, span: Span, since: datetime | None) -> list[Rollup]:
        """Return the roll-ups of a span, the oldest first."""
        found = sorted(
            key for key in self._sums if key[0] is span and (since is None or key[1] >= since)
        )
        return [Rollup(span, at, self._sums[span, at, queue]) for _, at, queue in found]

    def _prune(self, now: datetime) -> None:
        hour = start_of(Span.HOUR, now)
        if hour == self._pruned:
            return
        oldest = {span: kept_since(span, now) for span in KEPT}
        self._sums = {
            key: counts
            for key, counts in self._sums.items()
            if key[0] not in oldest or key[1] >= oldest[key[0]]
        }
        self._pruned = hour
