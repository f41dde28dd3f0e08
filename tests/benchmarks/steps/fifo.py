"""What fairness costs one tenant: a claim and a finish, beside a claim that knows no tenants.

Both take from the same table, in turn, so that what slows the machine slows both. Both finish
by the store's own verb.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from tests.benchmarks.steps.bench import Bench
from tests.benchmarks.steps.verbs import Verbs

ROUND = 5


def fifo(bench: Bench, jobs: int, batch: int) -> dict[str, Any]:
    """Drain half the jobs by each claim, some batches in turn."""
    bench.peer.enqueue_many(jobs)
    verbs = Verbs()
    ways = {"fair": verbs.claim, "fifo": verbs.claim_first}
    for claim in ways.values():
        verbs.finish(claim(batch))
    seconds, done = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    for _ in range(jobs // (2 * ROUND * batch) - 1):
        for way, claim in ways.items():
            start = perf_counter()
            for _ in range(ROUND):
                claims = claim(batch)
                verbs.finish(claims)
                done[way] += len(claims)
            seconds[way] += perf_counter() - start
    fair, plain = (done[way] / seconds[way] for way in ("fair", "fifo"))
    return {
        "ratio": fair / plain,
        "jobs_per_second": fair,
        "fifo_per_second": plain,
        "batch": batch,
        "jobs": sum(done.values()),
    }
