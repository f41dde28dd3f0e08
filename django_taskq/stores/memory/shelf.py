"""Where XCom values stand in memory, and which of them may be read."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count

from django_taskq.jobs.states import WAITING
from django_taskq.jobs.xcom import XCom
from django_taskq.stores.memory.job import MemoryJob

# How many values that are gone may wait for the time at which they would have expired.
MOST_GONE = 1000

type Space = tuple[str, str]


class Kept:
    """A value as it is kept; without a `job` whoever asks may read it."""

    __slots__ = ("expires_at", "is_gone", "job", "number", "pushed_at", "xcom")

    def __init__(self, number: int, xcom: XCom, job: MemoryJob | None, now: datetime) -> None:
        self.number = number
        self.xcom = xcom
        self.job = job
        self.pushed_at = now
        self.expires_at = None if xcom.ttl is None else now + timedelta(seconds=xcom.ttl)
        self.is_gone = False

    def may_be_read(self, now: datetime) -> bool:
        """Tell whether the value has not expired, and belongs to a job's current attempt."""
        if self.expires_at is not None and self.expires_at <= now:
            return False
        return self.job is None or self.is_current()

    def is_current(self) -> bool:
        """Tell whether the attempt that pushed the value is its job's current one."""
        job, pusher = self.job, self.xcom.pusher
        if job is None or pusher is None:
            return False
        return job.attempt == pusher.attempt and job.state not in WAITING

    def has_place_of(self, other: "Kept") -> bool:
        """Tell whether this one, pushed later under the same key, takes the other one's place."""
        return self.job is other.job


class Shelf:
    """The values by namespace and key, those of one key in the order of their pushes.

    Knows no lock and no clock.
    """

    def __init__(self) -> None:
        self.spaces: dict[Space, dict[str, list[Kept]]] = {}
        self._by_job: dict[int, list[Kept]] = {}
        self._due: list[tuple[datetime, int, Kept]] = []
        self._gone = 0
        self._numbers = count(1)

    def put(self, xcom: XCom, job: MemoryJob | None, now: datetime) -> None:
        """Put a value on top of the others under its key."""
        kept = Kept(next(self._numbers), xcom, job, now)
        keys = self.spaces.setdefault((xcom.tenant, xcom.namespace), {})
        under = keys.setdefault(xcom.key, [])
        for other in [other for other in under if kept.has_place_of(other)]:
            self._forget(other)
            under.remove(other)
        under.append(kept)
        if job is not None:
            self._by_job.setdefault(job.seq, []).append(kept)
        if kept.expires_at is not None:
            heappush(self._due, (kept.expires_at, kept.number, kept))

    def top(self, space: Space, key: str, now: datetime, by: str | None = None) -> Kept | None:
        """Return the value that counts under a key."""
        for kept in reversed(self.spaces.get(space, {}).get(key, ())):
            pusher = kept.xcom.pusher
            if by is not None and (pusher is None or pusher.name != by):
                continue
            if kept.may_be_read(now):
                return kept
        return None

    def tops(self, space: Space, now: datetime) -> Iterator[Kept]:
        """Return the value that counts under each key of a namespace."""
        for key in self.spaces.get(space, {}):
            kept = self.top(space, key, now)
            if kept is not None:
                yield kept

    def of_job(self, job: MemoryJob) -> list[Kept]:
        """Return what the attempts of a job pushed, the last one first."""
        found = self._by_job.get(job.seq, ())
        return sorted(found, key=lambda kept: kept.number, reverse=True)

    def delete(self, space: Space, keys: Sequence[str] | None) -> int:
        """Delete what is under some keys, or in a namespace."""
        under = self.spaces.get(space, {})
        wanted = list(under) if keys is None else [key for key in keys if key in under]
        found = [kept for key in wanted for kept in under[key]]
        for kept in found:
            self._remove(kept)
        return len(found)

    def expire(self, now: datetime, limit: int) -> int:
        """Delete values that have expired, the longest first."""
        expired = 0
        while expired < limit and self._due and self._due[0][0] <= now:
            kept = heappop(self._due)[-1]
            if kept.is_gone:
                self._gone = max(0, self._gone - 1)
                continue
            self._remove(kept)
            expired += 1
        return expired

    def outlive(self, job: MemoryJob) -> None:
        """Have the values of a job that is dropped stay, but for those of earlier attempts."""
        for kept in self._by_job.pop(job.seq, ()):
            if kept.is_current():
                kept.job = None
            else:
                self._remove(kept)

    def _sweep(self) -> None:
        """Let go of values that are gone; a job may push one key all the time."""
        self._gone += 1
        if self._gone > MOST_GONE and self._gone > len(self._due) // 2:
            self._due = [entry for entry in self._due if not entry[-1].is_gone]
            heapify(self._due)
            self._gone = 0

    def _remove(self, kept: Kept) -> None:
        space = kept.xcom.tenant, kept.xcom.namespace
        keys = self.spaces[space]
        under = keys[kept.xcom.key]
        under.remove(kept)
        if not under:
            del keys[kept.xcom.key]
            if not keys:
                del self.spaces[space]
        self._forget(kept)

    def _forget(self, kept: Kept) -> None:
        kept.is_gone = True
        if kept.expires_at is not None:
            self._sweep()
        job = kept.job
        of_job = None if job is None else self._by_job.get(job.seq)
        if job is not None and of_job is not None:
            of_job.remove(kept)
            if not of_job:
                del self._by_job[job.seq]
