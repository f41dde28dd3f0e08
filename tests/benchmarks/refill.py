"""Measure a refill: ``python -m tests.benchmarks.refill [JOBS [ROUNDS]]``.

Redis is flushed while so many jobs wait, and one process hands them over again. Told are the
seconds until all are there, those until the first can be claimed, and the processor time of this
process, of Redis and of the session in PostgreSQL, in microseconds a job.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, process_time
from typing import Any, NamedTuple

from tests.benchmarks.apart import run_apart
from tests.redis_alias import PAIR

DATABASE = "postgresql"
TICKS = os.sysconf("SC_CLK_TCK")


class Busy(NamedTuple):
    """Seconds of processor time."""

    here: float
    redis: float
    database: float


def measure(jobs: int, rounds: int) -> Iterator[str]:
    """Yield what was measured, a line each."""
    from tests.aliases import empty_redis
    from tests.app import tasks

    empty_redis()
    store = store_of(PAIR)
    # Begins an epoch, as a first worker does.
    sweep_all(store)
    tasks.nothing.using(backend=PAIR).enqueue_many([((), {})] * jobs)
    sweep_all(store)
    for number in range(1, rounds + 1):
        empty_redis()
        before, began = busy(store), monotonic()
        store.epoch.check()
        store.epoch.restore()
        first = sweep_all(store) - began
        seconds = monotonic() - began
        here, redis, database = (
            (after - at) / jobs * 1e6 for after, at in zip(busy(store), before, strict=True)
        )
        there = len(store.line.sweeping.known(0, jobs + 1))
        if there != jobs:
            raise AssertionError(f"Expected {jobs} jobs in Redis, got {there}.")
        yield (
            f"{number}: {seconds:.1f} s, the first after {first:.2f} s; a job costs this process "
            f"{here:.0f} us, Redis {redis:.0f} us, PostgreSQL {database:.0f} us"
        )


def store_of(alias: str) -> Any:
    """Return the store of an alias of `TASKS`."""
    from django.tasks import task_backends

    return task_backends[alias].store


def sweep_all(store: Any) -> float:
    """Sweep until nothing is left to hand over; return when the first jobs were there."""
    first = None
    while store.sweep() is not None:
        if first is None and store.line.sweeping.known(0, 1):
            first = monotonic()
        if not store.line.sweeping.is_looking():
            break
    return first or monotonic()


def busy(store: Any) -> Busy:
    """Return what this process, Redis and this thread's session have used so far."""
    from django.db import connections

    told = store.line.scripts.client().info("cpu")
    redis = told["used_cpu_user"] + told["used_cpu_sys"]
    connection = connections[DATABASE]
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Busy(process_time(), redis, (int(fields[11]) + int(fields[12])) / TICKS)


if __name__ == "__main__":
    run_apart(measure, DATABASE, jobs=100_000)
