"""How the time of a worker is divided among tenants that all have more than enough to do."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

from tests.benchmarks.deadline import DeadlineError, pause
from tests.benchmarks.logbook import Ran, Watch, read
from tests.benchmarks.steps.bench import Bench

WEIGHTS = {1: 1, 2: 2, 3: 4, 4: 8}
LENGTHS = {1: 0.001, 2: 0.01, 3: 0.1}
NAP = 0.002
# Until every thread has its first job and all rows have been read.
SETTLE = 1.0
# How far apart points of a plot are, and windows of ten seconds.
STEP = 0.5


def weights(bench: Bench, seconds: float, threads: int) -> dict[str, Any]:
    """Give four tenants weights and as many equal jobs; compare their shares of the time."""
    cast("Any", bench.peer).weigh(WEIGHTS)
    each = int(1.2 * (seconds + SETTLE) * threads / NAP * 8 / 15)
    ran = _run(bench, dict.fromkeys(WEIGHTS, (each, NAP)), seconds, threads)
    begin = _begin(ran)
    shares = _shares(ran, begin, begin + seconds)
    whole = sum(WEIGHTS.values())
    off = [abs(shares[who] / (weight / whole) - 1) for who, weight in WEIGHTS.items()]
    return {
        "off_percent": 100 * max(off),
        **{f"share_{weight}": 100 * shares[who] for who, weight in WEIGHTS.items()},
        "series": [
            [100 * share for share in _by_tenant(ran, begin + at * STEP, STEP)]
            for at in range(int(seconds / STEP))
        ],
    }


def lengths(bench: Bench, seconds: float, threads: int, window: float = 10.0) -> dict[str, Any]:
    """Give three tenants jobs of very different length; tell how even their times are.

    Jain's index is 1 where all have the same and a third where one has all; the least of all
    windows counts.
    """
    enough = {
        who: (int(2 * (seconds + SETTLE) * threads / length / len(LENGTHS)), length)
        for who, length in LENGTHS.items()
    }
    ran = _run(bench, enough, seconds, threads)
    begin = _begin(ran)
    indices = [
        _jain(_by_tenant(ran, at, window))
        for at in (begin + n * STEP for n in range(int((seconds - window) / STEP) + 1))
    ]
    shares = _shares(ran, begin, begin + seconds)
    return {
        "jain": min(indices),
        **{f"share_{1000 * length:.0f}ms": 100 * shares[who] for who, length in LENGTHS.items()},
        "jobs": len(ran),
    }


def _run(
    bench: Bench, backlog: dict[int, tuple[int, float]], seconds: float, threads: int
) -> list[Ran]:
    """Have a worker at this backlog for some seconds; return what ran, all of it backlogged."""
    bench.peer.nap_many(
        (who, length) for who, (count, length) in backlog.items() for _ in range(count)
    )
    with bench.workers(threads) as workers:
        bench.wait_started(workers, dict.fromkeys(backlog, 1), 30)
        pause(seconds + 2 * SETTLE)
        for worker in workers:
            worker.check()
        started = Watch(bench.directory).started()
        ran = read(bench.directory)
    if any(started[who] >= count for who, (count, _) in backlog.items()):
        raise DeadlineError("A tenant's backlog was over before the time was.")
    return ran


def _begin(ran: list[Ran]) -> float:
    return ran[0].start / 1e9 + SETTLE


def _shares(ran: list[Ran], begin: float, end: float) -> dict[int, float]:
    """Return the part of the worker time between two moments that went to each tenant."""
    times: dict[int, float] = defaultdict(float)
    for who, start, ended in ran:
        part = min(end, ended / 1e9 if ended else end) - max(begin, start / 1e9)
        times[who] += max(0.0, part)
    whole = sum(times.values()) or 1
    return {who: time / whole for who, time in times.items()}


def _by_tenant(ran: list[Ran], begin: float, length: float) -> list[float]:
    return [share for _, share in sorted(_shares(ran, begin, begin + length).items())]


def _jain(times: list[float]) -> float:
    return sum(times) ** 2 / (len(times) * sum(time * time for time in times))
