"""Ten thousand tenants against one, and what a claim takes beside a hundred thousand."""

from __future__ import annotations

from time import monotonic_ns, perf_counter
from typing import Any, cast

from tests.benchmarks.deadline import until
from tests.benchmarks.steps.bench import Bench
from tests.benchmarks.steps.latency import quantile
from tests.benchmarks.steps.verbs import Verbs

BATCH = 100
WARM_UP = 5


def crowd(bench: Bench, tenants: int, jobs: int, seconds: float = 60) -> dict[str, Any]:
    """Work off jobs of so many tenants, from the first start to the last result.

    To the last start where the jobs run in the producer's process.
    """
    cast("Any", bench.peer).enqueue_tenants(tenants, jobs)
    with bench.workers() as workers:
        for worker in workers:
            bench.wait_finished(worker, jobs, seconds)
        until(lambda: bench.tally.started(jobs - 1) != 0, seconds, f"{jobs} jobs to start")
        end = monotonic_ns()
    return {"jobs_per_second": jobs / (end - bench.tally.started(0)) * 1e9, "jobs": jobs}


def claims(bench: Bench, tenants: int, count: int) -> dict[str, Any]:
    """Time claims of a hundred jobs, each finished before the next, beside so many tenants."""
    cast("Any", bench.peer).enqueue_tenants(tenants, max(tenants, (count + WARM_UP) * BATCH))
    verbs = Verbs()
    taken = []
    for _ in range(count + WARM_UP):
        start = perf_counter()
        claimed = verbs.claim(BATCH)
        taken.append((perf_counter() - start) * 1e3)
        verbs.finish(claimed)
    measured = taken[WARM_UP:]
    return {
        "p99_ms": quantile(measured, 0.99),
        "p50_ms": quantile(measured, 0.5),
        "claims": len(measured),
        "tenants": tenants,
    }
