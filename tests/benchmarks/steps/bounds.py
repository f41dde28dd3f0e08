"""What bounds on running jobs and on starts let through, over three worker processes."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Any, cast

from tests.benchmarks.deadline import pause
from tests.benchmarks.logbook import Ran, read
from tests.benchmarks.steps.bench import Bench

MOST_RUNNING = 4
STARTS_PER_SECOND = 200
TENANTS = 5
LENGTH = 0.1
NAP = 0.002
SETTLE = 1.0
STEP = 0.05


def cap(bench: Bench, seconds: float) -> dict[str, Any]:
    """Run a task that is capped; tell how much of the cap was used and how often passed."""
    ran, begin, end = _run(bench, "bounded.capped", LENGTH, MOST_RUNNING / LENGTH, seconds)
    held = sum(max(0.0, min(end, _end(one, end)) - max(begin, one.start / 1e9)) for one in ran)
    running = _running(ran)
    return {
        "used_percent": 100 * held / (MOST_RUNNING * (end - begin)),
        "violations": sum(count > MOST_RUNNING for count in running),
        "most": max(running),
        "jobs": len(ran),
    }


def rate(bench: Bench, seconds: float) -> dict[str, Any]:
    """Run a task with a rate; tell how much of it was used and in how many windows passed.

    A window of a second begins with each start.
    """
    ran, begin, end = _run(bench, "bounded.rated", NAP, STARTS_PER_SECOND, seconds)
    starts = [one.start / 1e9 for one in ran]
    within = [bisect_left(starts, at + 1) - place for place, at in enumerate(starts)]
    allowed = STARTS_PER_SECOND * (end - begin)
    return {
        "used_percent": 100 * (bisect_left(starts, end) - bisect_left(starts, begin)) / allowed,
        "violations": sum(count > STARTS_PER_SECOND for count in within),
        "most": max(within),
        "jobs": len(ran),
        "series": [
            bisect_left(starts, at) - bisect_left(starts, at - 1)
            for at in (starts[0] + n * STEP for n in range(int((end - starts[0]) / STEP)))
        ],
    }


def _run(
    bench: Bench, kind: str, length: float, per_second: float, seconds: float
) -> tuple[list[Ran], float, float]:
    """Have the workers at more than they may start; return what ran, and the time that counts."""
    enough = int(1.5 * per_second * (seconds + 3 * SETTLE))
    cast("Any", bench.peer).nap_many([(n % TENANTS, length) for n in range(enough)], kind)
    with bench.workers() as workers:
        bench.wait_started(workers, dict.fromkeys(range(TENANTS), 1), 30)
        pause(seconds + SETTLE)
        for worker in workers:
            worker.check()
        ran = read(bench.directory)
    begin = ran[0].start / 1e9 + SETTLE
    return ran, begin, begin + seconds


def _end(one: Ran, never: float) -> float:
    return one.end / 1e9 if one.end else never


def _running(ran: list[Ran]) -> list[int]:
    """Return how many were running after each start and end."""
    moves = [(one.start, 1) for one in ran] + [(one.end, -1) for one in ran if one.end]
    return list(accumulate(step for _, step in sorted(moves)))
