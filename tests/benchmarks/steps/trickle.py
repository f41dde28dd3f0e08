"""Many tenants send a small job now and then: how long do these wait beside a flood?

The wait is from the return of `enqueue` to the first line of the job. The flood stands there
from the beginning, long enough to last.
"""

from __future__ import annotations

from collections import defaultdict
from time import monotonic, monotonic_ns
from typing import Any

from tests.benchmarks.deadline import DeadlineError, pause
from tests.benchmarks.logbook import read
from tests.benchmarks.steps.bench import Bench
from tests.benchmarks.steps.latency import quantile

NAP = 0.002
TENANTS = 50
PER_SECOND = 50
CALM, FLOODED = 1000, 2000


def trickle(bench: Bench, seconds: float, threads: int) -> dict[str, Any]:
    """Measure the waits with no other work, then beside a flood of as short jobs."""
    calm = _waits(bench, CALM, [(CALM, NAP)], seconds, threads)
    # More than the threads can do in the time.
    flood = [(FLOODED, NAP)] * int((seconds + 3) * threads / NAP)
    flooded = _waits(bench, FLOODED, flood, seconds, threads)
    return {
        "more_p99_ms": quantile(flooded, 0.99) - quantile(calm, 0.99),
        "p50_ms": quantile(flooded, 0.5),
        "p99_ms": quantile(flooded, 0.99),
        "calm_p50_ms": quantile(calm, 0.5),
        "calm_p99_ms": quantile(calm, 0.99),
        "jobs": len(flooded),
    }


def held(bench: Bench, seconds: float, threads: int, length: float = 2.0) -> dict[str, Any]:
    """Measure the waits beside a flood of long jobs that could hold every thread.

    The others are there from the beginning: who comes when one tenant has long been alone finds
    all threads taken, with any share.
    """
    first = [(who, NAP) for who in range(FLOODED + 1, FLOODED + TENANTS + 1)]
    # Without a share the others wait long after the last was sent.
    flood = [(FLOODED, length)] * int(threads * (seconds / length + 12))
    waits = _waits(bench, FLOODED, [*first, *flood], seconds, threads)
    return {
        "p99_ms": quantile(waits, 0.99),
        "p50_ms": quantile(waits, 0.5),
        "longest_ms": waits[-1],
        "jobs": len(waits),
        "series": waits,
    }


def _waits(
    bench: Bench, base: int, backlog: list[tuple[int, float]], seconds: float, threads: int
) -> list[float]:
    """Return the sorted waits in ms of what is sent while a worker has this backlog before it.

    Tenants are numbered from `base`, whose own is the flood.
    """
    bench.peer.nap_many(backlog)
    ahead = {who: sum(1 for one, _ in backlog if one == who) for who in {w for w, _ in backlog}}
    with bench.workers(threads) as workers:
        bench.wait_started(workers, dict.fromkeys(ahead, 1), 30)
        sent = _send(bench, base, seconds)
        began = {who: ahead.get(who, 0) * (who != base) + len(times) for who, times in sent.items()}
        bench.wait_started(workers, began, 20)
        ran = read(bench.directory)
    if len(backlog) > TENANTS + 1 and sum(one.who == base for one in ran) >= ahead[base]:
        raise DeadlineError("The flood was over before the others had been measured.")
    starts: dict[int, list[int]] = defaultdict(list)
    for one in ran:
        starts[one.who].append(one.start)
    return sorted(
        max(0, start - returned) / 1e6
        for who, times in sent.items()
        for returned, start in zip(times, starts[who][ahead.get(who, 0) :], strict=True)
    )


def _send(bench: Bench, base: int, seconds: float) -> dict[int, list[int]]:
    """Send a job of another tenant every 20 ms; return when each call had returned."""
    sent: dict[int, list[int]] = defaultdict(list)
    begin = monotonic()
    for number in range(int(seconds * PER_SECOND)):
        pause(max(0.0, begin + number / PER_SECOND - monotonic()))
        who = base + 1 + number % TENANTS
        bench.peer.nap(who, NAP)
        sent[who].append(monotonic_ns())
    return sent
