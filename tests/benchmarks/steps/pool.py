"""Jobs per second through a pool of the producer's own process, from enqueue to result."""

from __future__ import annotations

from time import perf_counter

from tests.benchmarks.deadline import until
from tests.benchmarks.steps.bench import Bench


def pool(bench: Bench, jobs: int, seconds: float = 60) -> dict[str, float]:
    """Enqueue all jobs one by one and stop when the producer holds every result."""
    bench.peer.enqueue(1)
    until(lambda: bench.peer.finished(1) == 1, seconds, "the first result")
    start = perf_counter()
    bench.peer.enqueue(jobs)
    until(lambda: bench.peer.finished(jobs) == jobs, seconds, f"{jobs} results")
    return {"jobs_per_second": jobs / (perf_counter() - start), "jobs": jobs}
