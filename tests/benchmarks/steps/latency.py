"""How soon an idle worker starts a job, and how soon the producer holds its result.

Pickup counts from the moment ``enqueue`` has returned, its transaction committed, to the
first line of the job; a pool in the producer's own process commits nothing, so there it
counts from the call. The result counts from the call everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from random import Random
from statistics import median
from time import monotonic, monotonic_ns

from tests.benchmarks.deadline import pause, until
from tests.benchmarks.steps.bench import Bench

WARM_UP = 5


def quantile(values: list[float], share: float) -> float:
    """Return the value below which this share of them lies, one of those measured."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def gaps(poll: float) -> Iterator[float]:
    """Yield pauses long enough to fall idle, that end at any moment of the polling."""
    random = Random()
    while True:
        yield 0.02 + random.uniform(0, poll)


def one(bench: Bench, position: int) -> tuple[float, float]:
    """Send a job and take its result; return both delays in milliseconds."""
    called = monotonic_ns()
    handle = bench.peer.send()
    returned = monotonic_ns()
    bench.peer.wait(handle)
    held = monotonic_ns()
    until(lambda: bench.tally.started(position) != 0, 5, "the start of a finished job")
    since = called if bench.place.kind == "memory" else returned
    started = bench.tally.started(position)
    return max(0, started - since) / 1e6, (held - called) / 1e6


def latency(bench: Bench, samples: int, seconds: float) -> dict[str, float]:
    """Send single jobs until there are enough of them or the time is over."""
    with nullcontext() if bench.place.kind == "memory" else bench.worker():
        for position in range(WARM_UP):
            one(bench, position)
        end = monotonic() + seconds
        measured: list[tuple[float, float]] = []
        for gap in gaps(bench.entry.poll):
            pause(gap)
            measured.append(one(bench, WARM_UP + len(measured)))
            if len(measured) == samples or monotonic() > end:
                break
    pickups, results = ([delays[kind] for delays in measured] for kind in (0, 1))
    return {
        "samples": len(measured),
        "pickup_p50": median(pickups),
        "pickup_p99": quantile(pickups, 0.99),
        "result_p50": median(results),
        "result_p99": quantile(results, 0.99),
    }
