"""What workers count of attempts: how they ended, how long they waited and ran."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Self

from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import State

# Upper ends of the buckets, in seconds; the last bucket has none.
BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
BUCKETS = len(BOUNDS) + 1


class Ending(StrEnum):
    """The ways in which an attempt is counted; `late` is a result that was refused."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    RETRIED = "retried"
    CANCELED = "canceled"
    RELEASED = "released"
    LOST = "lost"
    LATE = "late"


ENDINGS = tuple(Ending)
_PLACES = {ending: place for place, ending in enumerate(ENDINGS)}
_OF_STATES = {
    State.SUCCESSFUL: Ending.SUCCESSFUL,
    State.FAILED: Ending.FAILED,
    State.CANCELED: Ending.CANCELED,
}


class Histogram(NamedTuple):
    """Durations by bucket, and their sum in seconds."""

    buckets: tuple[int, ...] = (0,) * BUCKETS
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """How many durations there are."""
        return sum(self.buckets)

    def plus(self, other: Self) -> Self:
        """Return both together."""
        return type(self)(_sums(self.buckets, other.buckets), self.seconds + other.seconds)

    def quantile(self, share: float) -> float | None:
        """Return the seconds below which that share of the durations lies; None for none at all.

        Within a bucket they count as spread evenly; beyond the last bound it is that bound.
        """
        wanted, passed = share * self.total, 0
        if not self.total:
            return None
        for place, bound in enumerate(BOUNDS):
            inside = self.buckets[place]
            if inside and passed + inside >= wanted:
                below = BOUNDS[place - 1] if place else 0.0
                return below + (bound - below) * (wanted - passed) / inside
            passed += inside
        return BOUNDS[-1]


class TaskFailures(NamedTuple):
    """How many tries of one task failed for good, and how many with another try to come."""

    task: str
    failed: int = 0
    retried: int = 0

    @property
    def total(self) -> int:
        """How many failed at all."""
        return self.failed + self.retried


class Counts(NamedTuple):
    """What was counted of one queue. Leases are nobody's queue's: these have an empty name.

    `failures` has the tasks of which any try failed, by name.
    """

    queue: str
    endings: tuple[int, ...] = (0,) * len(ENDINGS)
    waits: Histogram = Histogram()
    runs: Histogram = Histogram()
    leases_lost: int = 0
    failures: tuple[TaskFailures, ...] = ()

    def of(self, ending: Ending) -> int:
        """Return how many attempts ended in this way."""
        return self.endings[_PLACES[ending]]

    def plus(self, other: Self) -> Self:
        """Return both together, under the name of this one."""
        return type(self)(
            self.queue,
            _sums(self.endings, other.endings),
            self.waits.plus(other.waits),
            self.runs.plus(other.runs),
            self.leases_lost + other.leases_lost,
            by_task([*self.failures, *other.failures]),
        )


def ending_of(verdict: Verdict, state: State | None) -> Ending:
    """Return as what an attempt counts that was written with this state; None was refused."""
    if state is None:
        return Ending.LATE
    if state in _OF_STATES:
        return _OF_STATES[state]
    return Ending.RETRIED if verdict is Verdict.RETRY else Ending.RELEASED


def bucket_of(seconds: float) -> int:
    """Return the place of the bucket for a duration."""
    return bisect_left(BOUNDS, seconds)


def place_of(ending: Ending) -> int:
    """Return the place of an ending among ENDINGS."""
    return _PLACES[ending]


def by_queue(counted: Iterable[Counts]) -> list[Counts]:
    """Return one sum for each queue, by name."""
    sums: dict[str, Counts] = {}
    for counts in counted:
        known = sums.get(counts.queue)
        sums[counts.queue] = counts if known is None else known.plus(counts)
    return [sums[queue] for queue in sorted(sums)]


def by_task(failures: Iterable[TaskFailures]) -> tuple[TaskFailures, ...]:
    """Return one sum for each task, by name."""
    sums: dict[str, TaskFailures] = {}
    for task, failed, retried in failures:
        known = sums.get(task, TaskFailures(task))
        sums[task] = TaskFailures(task, known.failed + failed, known.retried + retried)
    return tuple(sums[task] for task in sorted(sums))


def _sums(ours: Sequence[int], theirs: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(sum, zip(ours, theirs, strict=True)))
