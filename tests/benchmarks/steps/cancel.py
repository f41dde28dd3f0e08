"""How long it takes to cancel many jobs that wait, in one call, as an operator's command does."""

from __future__ import annotations

from time import perf_counter
from typing import Any, cast

from tests.benchmarks.deadline import DeadlineError
from tests.benchmarks.steps.bench import Bench

WARM_UP = 20


def cancel(bench: Bench, jobs: int) -> dict[str, float]:
    """All jobs in one call; nobody listens to `job_canceled`."""
    peer = cast("Any", bench.peer)
    peer.cancel(peer.enqueue_ids(WARM_UP))
    ids = peer.enqueue_ids(jobs)
    start = perf_counter()
    canceled = peer.cancel(ids)
    seconds = perf_counter() - start
    if canceled != jobs:
        raise DeadlineError(f"Of {jobs} jobs {canceled} were canceled.")
    return {"seconds": seconds, "jobs_per_second": jobs / seconds, "jobs": jobs}
