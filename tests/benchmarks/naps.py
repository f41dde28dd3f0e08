"""Jobs that sleep, for what is about turns and not about speed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic_ns

from tests.benchmarks.deadline import pause
from tests.benchmarks.logbook import current


def sleep(who: int, seconds: float) -> int:
    """Be the whole work of a job of the tenant of this number."""
    book = current()
    place = book.enter(who)
    pause(seconds)
    book.leave(place, who)
    return 1


def bare(count: int, seconds: float, threads: int) -> float:
    """Return the seconds that so many sleeps take on bare threads: the least there is."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(pause, [0.001] * threads))
        start = monotonic_ns()
        list(pool.map(pause, [seconds] * count))
        return (monotonic_ns() - start) / 1e9


def tenant(who: int) -> str:
    """Return the name of the tenant of this number."""
    return f"tenant-{who:06}"
