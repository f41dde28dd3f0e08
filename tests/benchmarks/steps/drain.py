"""One worker process works off a backlog: from the start of its first job to the last result.

Starting the interpreter is not part of it, storing the results is. The worker runs as it
would in production, not in a mode that ends when the queue is empty.
"""

from __future__ import annotations

from time import monotonic_ns

from tests.benchmarks.steps.bench import Bench


def drain(bench: Bench, jobs: int, seconds: float = 60) -> dict[str, float]:
    """Work off this many jobs, and see what memory the worker holds then."""
    bench.fill(jobs)
    with bench.worker() as worker:
        bench.wait_finished(worker, jobs, seconds)
        end = monotonic_ns()
        memory = worker.memory()
    elapsed = (end - bench.tally.started(0)) / 1e9
    return {"jobs_per_second": jobs / elapsed, "jobs": jobs, **memory}
