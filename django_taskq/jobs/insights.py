"""Live numbers of one store."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.workers import WorkerRecord


class LaneCount(NamedTuple):
    """Unfinished jobs of one queue, tenant and state."""

    queue: str
    tenant: str
    state: str
    count: int  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Insights:
    """Live numbers of one store: what waits, what runs, who works.

    Without `is_complete` what hands jobs out does not answer: rows tell what waits, and of workers
    nothing is known.
    """

    now: datetime
    lanes: tuple[LaneCount, ...] = ()
    oldest_ready_at: datetime | None = None
    workers: tuple[WorkerRecord, ...] = ()
    ended: dict[str, int] = field(default_factory=dict)
    oldest_by_queue: dict[str, datetime] = field(default_factory=dict)
    is_complete: bool = True

    def depth(self, *states: str) -> int:
        """Count unfinished jobs, all of them or those in the given states."""
        return sum(lane.count for lane in self.lanes if not states or lane.state in states)
