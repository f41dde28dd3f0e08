"""Live numbers, counted from a snapshot so that nobody waits for the counting."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django_taskq.jobs.insights import Insights, LaneCount
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.stores.memory.job import MemoryJob


def count_jobs(
    jobs: Iterable[MemoryJob], workers: Iterable[WorkerRecord], now: datetime
) -> Insights:
    """Return the numbers of these jobs. Reads each of them without the store's lock."""
    lanes: Counter[tuple[str, str, str]] = Counter()
    ended: Counter[str] = Counter()
    oldest: dict[str, datetime] = {}
    for job in jobs:
        state = job.state
        if state in ENDED:
            ended[state.value] += 1
            continue
        lanes[job.spec.queue, job.spec.tenant, state.value] += 1
        since = job.eligible_at
        if state is State.READY and since is not None:
            queue = job.spec.queue
            oldest[queue] = min(since, oldest.get(queue, since))
    return Insights(
        now=now,
        lanes=tuple(LaneCount(*lane, count) for lane, count in sorted(lanes.items())),
        oldest_ready_at=min(oldest.values(), default=None),
        workers=tuple(workers),
        ended=dict(ended),
        oldest_by_queue=oldest,
    )
