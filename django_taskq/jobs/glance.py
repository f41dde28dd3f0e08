"""A bounded look at the live numbers of one store."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.insights import Insights
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerRecord


class Bounded(NamedTuple):
    """How many there are; with `is_cut` there are more, which nobody has counted."""

    number: int = 0
    is_cut: bool = False

    def plus(self, other: "Bounded") -> "Bounded":
        """Return both together."""
        return Bounded(self.number + other.number, self.is_cut or other.is_cut)


class QueueCount(NamedTuple):
    """Unfinished jobs of one queue in one state."""

    queue: str
    state: str
    jobs: Bounded


@dataclass(frozen=True, slots=True)
class Glance:
    """What waits, what runs and who works, as far as that is cheap to tell.

    `oldest_by_queue` says since when the oldest ready job of a queue waits; where its ready jobs
    are cut, an older one may be among the others. `is_complete` is that of the insights.
    """

    now: datetime
    counts: tuple[QueueCount, ...] = ()
    workers: tuple[WorkerRecord, ...] = ()
    oldest_by_queue: dict[str, datetime] = field(default_factory=dict)
    is_complete: bool = True

    def depth(self, *states: str) -> Bounded:
        """Count unfinished jobs, all of them or those in the given states."""
        return total_of(each.jobs for each in self.counts if not states or each.state in states)

    def ready_in(self, queue: str) -> Bounded:
        """Count the ready jobs of a queue."""
        wanted = queue, State.READY.value
        return total_of(each.jobs for each in self.counts if (each.queue, each.state) == wanted)

    @property
    def oldest_ready_at(self) -> datetime | None:
        """Since when the oldest ready job waits, None where none is ready."""
        return min(self.oldest_by_queue.values(), default=None)

    @property
    def alive(self) -> tuple[WorkerRecord, ...]:
        """The workers that are alive."""
        return tuple(worker for worker in self.workers if worker.is_alive)

    @property
    def queues(self) -> list[str]:
        """The names of the queues that have unfinished jobs."""
        return sorted({each.queue for each in self.counts})


def glance_of(insights: Insights) -> Glance:
    """Return the glance at a store that has counted everything."""
    sums: dict[tuple[str, str], int] = {}
    for lane in insights.lanes:
        sums[lane.queue, lane.state] = sums.get((lane.queue, lane.state), 0) + lane.count
    oldest = insights.oldest_by_queue
    if insights.oldest_ready_at is not None and not oldest:
        # Of which queue it is, this store does not know.
        oldest = {"": insights.oldest_ready_at}
    return Glance(
        insights.now,
        tuple(QueueCount(*key, Bounded(count)) for key, count in sorted(sums.items())),
        insights.workers,
        oldest,
        insights.is_complete,
    )


def total_of(counts: Iterable[Bounded]) -> Bounded:
    """Add up counts."""
    total = Bounded()
    for each in counts:
        total = total.plus(each)
    return total
