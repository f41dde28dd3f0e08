"""Jobs per second as the producer sees them, no worker running."""

from __future__ import annotations

from time import perf_counter

from tests.benchmarks.steps.bench import Bench

WARM_UP = 20


def enqueue(bench: Bench, jobs: int) -> dict[str, float]:
    """One call and one commit per job."""
    bench.peer.enqueue(WARM_UP)
    start = perf_counter()
    bench.peer.enqueue(jobs)
    return {"jobs_per_second": jobs / (perf_counter() - start), "jobs": jobs}


def enqueue_many(bench: Bench, jobs: int) -> dict[str, float]:
    """All jobs in one call."""
    bench.peer.enqueue_many(WARM_UP)
    start = perf_counter()
    bench.peer.enqueue_many(jobs)
    return {"jobs_per_second": jobs / (perf_counter() - start), "jobs": jobs}
