"""A worker with tenants of its own takes the work of others once its own have none.

Two delays: from the moment a thread was free and nothing of its own tenants was left, to the
first start of a foreign job; and, to an idle worker, from the return of `enqueue` of a foreign
job to its start.
"""

from __future__ import annotations

from statistics import median
from time import monotonic_ns
from typing import Any

from tests.benchmarks.deadline import pause
from tests.benchmarks.logbook import Ran, read
from tests.benchmarks.steps.bench import Bench

OWN, FOREIGN = 1, 2
LENGTH = 0.01
OWN_JOBS, FOREIGN_JOBS = 60, 20


def steal(bench: Bench, rounds: int, threads: int) -> dict[str, Any]:
    """Let the worker's own run dry again and again, and send it single foreign jobs."""
    dry, idle = [], []
    total = {OWN: 0, FOREIGN: 0}
    with bench.workers(threads) as workers:
        for _ in range(rounds):
            begin = monotonic_ns()
            bench.peer.nap_many([(FOREIGN, LENGTH)] * FOREIGN_JOBS + [(OWN, LENGTH)] * OWN_JOBS)
            total = {OWN: total[OWN] + OWN_JOBS, FOREIGN: total[FOREIGN] + FOREIGN_JOBS}
            bench.wait_started(workers, total, 20)
            pause(0.2)
            dry.append(_dry([one for one in read(bench.directory) if one.start > begin], threads))
            bench.peer.nap(FOREIGN, LENGTH)
            returned = monotonic_ns()
            total[FOREIGN] += 1
            bench.wait_started(workers, total, 20)
            idle.append(max(0, read(bench.directory)[-1].start - returned) / 1e6)
            pause(0.1)
    return {
        "longest_ms": max(dry),
        "p50_ms": median(dry),
        "idle_p50_ms": median(idle),
        "idle_longest_ms": max(idle),
        "rounds": rounds,
    }


def _dry(ran: list[Ran], threads: int) -> float:
    """Return the ms from when a thread was free, and no own job left, to the first foreign one."""
    own = [one for one in ran if one.who == OWN]
    # Of so many last starts the others still ran when the first of them had ended.
    free = min(one.end for one in own[-threads:])
    foreign = min(one.start for one in ran if one.who == FOREIGN)
    return max(0, foreign - free) / 1e6
