"""One tenant's flood stands before the few jobs of many others: how long do these wait?

The wait counts from the first start of any job, since starting a process has nothing to do with
turns; a pool in the producer's own process is at work when the others come, so there it counts
from their call. Beside it stands what as many sleeps take on threads with no queue at all.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import Any

from tests.benchmarks.logbook import read
from tests.benchmarks.naps import bare
from tests.benchmarks.steps.bench import Bench
from tests.benchmarks.steps.latency import quantile

NAP = 0.002
TENANTS = 50
EACH = 5
# What may be expected of a worker that serves all tenants in turn: the others' jobs and as many
# of the flood's as of any of them.
TURNS = (TENANTS + 1) * EACH


def flood(bench: Bench, jobs: int, threads: int, seconds: float = 80) -> dict[str, Any]:
    """Enqueue a flood and then the others, start the worker, wait for the last of the others."""
    least = bare(TURNS, NAP, threads)
    quiet = [(who, NAP) for _ in range(EACH) for who in range(1, TENANTS + 1)]
    bench.peer.nap_many([(0, NAP)] * jobs)
    called = monotonic_ns()
    bench.peer.nap_many(quiet)
    with bench.workers(threads) as workers:
        bench.wait_started(workers, dict.fromkeys(range(1, TENANTS + 1), EACH), seconds)
        ran = read(bench.directory)
    since = called if bench.place.is_memory else ran[0].start
    waits = sorted((one.start - since) / 1e6 for one in ran if one.who)
    return {
        "last_ms": waits[-1],
        "p50_ms": quantile(waits, 0.5),
        "bare_ms": least * 1e3,
        "ratio": waits[-1] / (least * 1e3),
        "jobs": jobs,
        "series": waits,
    }
