"""The measures of a benchmark, one function each. What they enqueue, somebody else deletes."""

import random
from collections.abc import Callable, Sequence
from time import monotonic, monotonic_ns, perf_counter
from typing import Any

from django.db import connections

from django_taskq.benchmark.report import Delays, Rate
from django_taskq.control import wait
from django_taskq.exceptions import BenchmarkError, WaitTimeout
from django_taskq.jobs.states import State
from django_taskq.results import readable
from django_taskq.stores.base import Store
from django_taskq.stores.wakeup import Wakeup
from django_taskq.tasks import Task

ROUND_TRIPS = 200
MOST_SAMPLES = 200
WARM_UP = 5
# Seconds after which enqueueing one by one, and single jobs, have told enough.
LONGEST_MEASURE = 10.0
# The most jobs of one call of enqueue_many.
MOST_AT_ONCE = 1000
# Ids that one look at the store is about, and the one look that stops the clock.
MOST_IDS = 1000
LAST_IDS = 100

# Seconds between two looks at a drain, each of which costs the database a query, and between
# those at its last part.
LOOK = 0.1
LAST_LOOK = 0.01
LAST_PART = 0.2
LONGEST_STALL = 60.0
LONGEST_JOB = 30.0
# Seconds between the end of a job and the next, in which a worker falls idle.
SHORTEST_GAP, LONGEST_GAP = 0.02, 0.1

type Tell = Callable[[str], None]
type Check = Callable[[], None]


def round_trip(database: str) -> Delays:
    """Measure how long the database takes to answer a query that costs it nothing."""
    delays = []
    with connections[database].cursor() as cursor:
        for _ in range(WARM_UP + ROUND_TRIPS):
            began = perf_counter()
            cursor.execute("SELECT 1")
            cursor.fetchone()
            delays.append(perf_counter() - began)
    return Delays.of(delays[WARM_UP:])


def enqueue(task: Task, text: str, count: int) -> tuple[Rate, list[str]]:
    """Enqueue one by one, for some seconds at most; return also the ids."""
    ids = []
    began = perf_counter()
    for _ in range(count):
        ids.append(task.enqueue(text).id)
        if perf_counter() - began > LONGEST_MEASURE:
            break
    return Rate(len(ids), perf_counter() - began), ids


def enqueue_many(task: Task, text: str, count: int, tell: Tell) -> tuple[Rate, list[str]]:
    """Enqueue many at once; return also the ids."""
    ids: list[str] = []
    began = perf_counter()
    while (left := count - len(ids)) > 0:
        calls: list[Any] = [((text,), {})] * min(left, MOST_AT_ONCE)
        ids.extend(result.id for result in task.enqueue_many(calls))
        tell(f"enqueue_many: {len(ids):,} of {count:,} jobs")
    return Rate(count, perf_counter() - began), ids


def drain(store: Store, ids: Sequence[str], check: Check, tell: Tell) -> Rate:
    """Measure from the first start to when the last result can be seen.

    `ids` are all jobs of the store, in the order in which they start. `check` raises where
    nobody works any more. Raise BenchmarkError where a job failed or nothing moves.
    """
    _await_last(store, ids, check, tell)
    ended = _await_all(store, ids)
    began = min(
        _first_start(store, ids[position : position + MOST_IDS])
        for position in range(0, len(ids), MOST_IDS)
    )
    return Rate(len(ids), (ended - began) / 1e9)


def latency(task: Task, text: str, count: int, check: Check, tell: Tell) -> tuple[Delays, Delays]:
    """Give `count` single jobs to idle workers, not too many and for some seconds at most.

    Return the delays from the commit to the start, and to the result in hand.
    """
    starts: list[float] = []
    results: list[float] = []
    pause = Wakeup()
    end = monotonic() + LONGEST_MEASURE
    wanted = WARM_UP + min(count, MOST_SAMPLES)
    while len(starts) < wanted:
        pause.wait(random.uniform(SHORTEST_GAP, LONGEST_GAP))
        check()
        result = task.enqueue(text)
        committed = monotonic_ns()
        try:
            wait(result, LONGEST_JOB)
        except WaitTimeout as error:
            raise BenchmarkError(f"An idle worker did not take a job. {error}") from error
        in_hand = monotonic_ns()
        starts.append(max(0, int(result.return_value) - committed) / 1e9)
        results.append((in_hand - committed) / 1e9)
        tell(f"latency: {len(starts)} jobs")
        if monotonic() > end and len(starts) > WARM_UP:
            break
    return Delays.of(starts[WARM_UP:]), Delays.of(results[WARM_UP:])


def _await_last(store: Store, ids: Sequence[str], check: Check, tell: Tell) -> None:
    """Wait for the last job, by looking at one now and then that is a little further on."""
    step = max(1, min(500, len(ids) // 20))
    places = [*range(step - 1, len(ids) - 1, step), len(ids) - 1]
    pause = Wakeup()
    moved = monotonic()
    while places:
        if store.wait_ended([ids[places[0]]], 0.0):
            moved = monotonic()
            tell(f"drain: {places.pop(0) + 1:,} of {len(ids):,} jobs")
            continue
        check()
        if monotonic() - moved > LONGEST_STALL:
            raise BenchmarkError(
                f"The worker has finished nothing for {LONGEST_STALL:g} s, with about "
                f"{len(ids) - places[0]:,} jobs left."
            )
        is_last = len(ids) - places[0] < len(ids) * LAST_PART
        pause.wait(LAST_LOOK if is_last else LOOK)


def _await_all(store: Store, ids: Sequence[str]) -> int:
    """Wait for jobs that were overtaken by the last; return when all had ended."""
    # The youngest first, and few: any other can hardly be left, and if it is, it counts too.
    ended = _await_some(store, ids[-LAST_IDS:])
    for end in range(len(ids) - LAST_IDS, 0, -MOST_IDS):
        chunk = ids[max(0, end - MOST_IDS) : end]
        if not store.wait_ended(chunk, 0.0):
            ended = _await_some(store, chunk)
    return ended


def _await_some(store: Store, ids: Sequence[str]) -> int:
    if not store.wait_ended(ids, LONGEST_STALL):
        raise BenchmarkError(
            f"A job has not ended within {LONGEST_STALL:g} s, though later ones have."
        )
    return monotonic_ns()


def _first_start(store: Store, ids: Sequence[str]) -> int:
    records = store.get(ids)
    for record in records:
        if record.state != State.SUCCESSFUL:
            raise BenchmarkError(f"A job of the benchmark ended as {record.state}: {record.reason}")
    return min(readable(record.result or "0", 0) for record in records)
