"""Pipeline runs of a memory store, told by their jobs."""

from collections import Counter
from collections.abc import Iterable, Sequence

from django_taskq.jobs.filters import RunFilter
from django_taskq.jobs.run import RunRecord, Tally
from django_taskq.jobs.states import ENDED
from django_taskq.stores.memory.job import MemoryJob


def find_runs(jobs: Iterable[MemoryJob], alias: str, wanted: RunFilter) -> list[RunRecord]:
    """Return the newest runs that match."""
    by_run: dict[str, list[MemoryJob]] = {}
    for job in jobs:
        run_id = None if job.spec.origin is None else job.spec.origin.run_id
        if run_id is not None and wanted.run_id in (None, run_id):
            by_run.setdefault(run_id, []).append(job)
    found: list[RunRecord] = []
    for run_id in sorted(by_run, reverse=True):
        if len(found) >= wanted.limit:
            break
        members = by_run[run_id]
        if wanted.tenant is None or any(job.spec.tenant == wanted.tenant for job in members):
            found.append(_record(run_id, alias, members))
    return found


def _record(run_id: str, alias: str, jobs: Sequence[MemoryJob]) -> RunRecord:
    counts = Counter((job.state, job.blocked_for is not None, _is_begun(job)) for job in jobs)
    is_over = all(job.state in ENDED for job in jobs)
    finished = [job.finished_at for job in jobs if job.finished_at is not None]
    return RunRecord(
        run_id,
        alias,
        tuple(sorted({job.spec.tenant for job in jobs})),
        min(job.enqueued_at for job in jobs),
        max(finished) if is_over and finished else None,
        tuple(Tally(*key, count) for key, count in counts.items()),
    )


def _is_begun(job: MemoryJob) -> bool:
    return job.attempt > 0 or job.state in ENDED
