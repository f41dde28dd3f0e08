"""Jobs that compute: how much sooner two processes are done than one."""

from __future__ import annotations

from time import perf_counter
from typing import Any, cast

from tests.benchmarks.steps.bench import Bench


def cpu(bench: Bench, jobs: int) -> dict[str, float]:
    """Have jobs of 20 ms computed by one process, then by two, both warm."""
    seconds = {}
    for workers in (1, 2):
        _compute(bench, 2 * workers, workers)
        start = perf_counter()
        _compute(bench, jobs, workers)
        seconds[workers] = perf_counter() - start
    return {
        "jobs_per_second": jobs / seconds[2],
        "two_to_one": seconds[1] / seconds[2],
        "jobs": jobs,
    }


def _compute(bench: Bench, count: int, workers: int) -> None:
    cast("Any", bench.peer).compute(count, workers)
