"""Measure a drain side by side: ``python -m tests.benchmarks.pair [JOBS [ROUNDS]]``.

One worker in this process works off the same jobs, once handed out by PostgreSQL and once by Redis
(`DURABLE=True`), in turn. Told are jobs per second, and statements and processor time of the worker
per job, from claim to end.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import monotonic, process_time
from typing import Any

from tests.benchmarks.apart import run_apart
from tests.redis_alias import PAIR

DATABASE = "postgresql"
ALIASES = (DATABASE, PAIR)
THREADS = 10
WARM_UP = 500


class Counter:
    """Counts the statements of every connection that is made."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self, connection: Any, **kwargs: Any) -> None:
        """Count those of a connection too."""
        if self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        """Count a statement."""
        self.count += 1
        return execute(*arguments)


def measure(jobs: int, rounds: int) -> Iterator[str]:
    """Yield what was measured, a line each."""
    from tests.aliases import empty_redis

    empty_redis()
    for alias in ALIASES:
        # What a first worker finds out, and begins, it does not have to again.
        enqueue(alias, WARM_UP)
        drain(alias)
    speeds: dict[str, list[float]] = defaultdict(list)
    statements: dict[str, list[float]] = defaultdict(list)
    for number in range(1, rounds + 1):
        for alias in ALIASES:
            enqueued = enqueue(alias, jobs)
            with counting() as counter:
                began = process_time()
                seconds = drain(alias)
                busy = process_time() - began
            left = unfinished(alias)
            if left:
                raise AssertionError(
                    f"Expected the worker to end all jobs of {alias}, {left} left."
                )
            speeds[alias].append(jobs / seconds)
            statements[alias].append(counter.count / jobs)
            yield (
                f"{number} {alias}: enqueue_many {jobs / enqueued:,.0f}/s, "
                f"drain {speeds[alias][-1]:,.0f}/s, {statements[alias][-1]:.4f} statements a job, "
                f"{busy / jobs * 1e6:.0f} us"
            )
    fast, few = ([median(kept[alias]) for alias in ALIASES] for kept in (speeds, statements))
    yield f"drain: {fast[1] / fast[0]:.2f} x, statements: {few[1] / few[0]:.2f} x"


def enqueue(alias: str, jobs: int) -> float:
    """Store jobs that do nothing; return how long it took."""
    from tests.app import tasks

    task = tasks.nothing.using(backend=alias)
    began = monotonic()
    task.enqueue_many([((), {})] * jobs)
    return monotonic() - began


def drain(alias: str) -> float:
    """Have a worker work off all there is; return how long it took."""
    from tests.running import worker_for

    worker = worker_for(alias, is_burst=True, threads=THREADS)
    thread = threading.Thread(target=worker.run)
    began = monotonic()
    thread.start()
    thread.join()
    return monotonic() - began


def unfinished(alias: str) -> int:
    """Return how many jobs have not ended."""
    from django_taskq.jobs.states import State
    from django_taskq.models import Job

    jobs = Job.objects.using(DATABASE).filter(backend=alias)
    return int(jobs.exclude(state=State.SUCCESSFUL).count())


@contextmanager
def counting() -> Iterator[Counter]:
    """Count the statements of all connections that are made meanwhile."""
    from django.db import connections
    from django.db.backends.signals import connection_created

    counter = Counter()
    connections.close_all()
    connection_created.connect(counter.watch)
    try:
        yield counter
    finally:
        connection_created.disconnect(counter.watch)


if __name__ == "__main__":
    run_apart(measure, DATABASE, jobs=50_000)
