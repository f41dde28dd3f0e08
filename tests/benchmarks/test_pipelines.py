"""Figures of pipelines.

`pytest -m benchmark -n 0 -s -p no:logging tests/benchmarks/test_pipelines.py`: pytest's own reading
of the log costs more than a step.
"""

import sys
import threading
from collections.abc import Callable
from operator import sub
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

import pytest
from django.conf import settings
from django.db import connections

from django_taskq import chain, group
from django_taskq.control import store_of
from django_taskq.jobs.states import State
from django_taskq.pipelines import PipelineRun
from tests.aliases import ON_BOTH, alias_fixture, database_of, with_options
from tests.deadlines import wait_until
from tests.pipelines import steps
from tests.running import is_durable, worker_for

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]
alias = alias_fixture(ON_BOTH)

LONGEST = 300.0
# Seconds between two looks whether the jobs have ended, which is by how much a figure may be off.
LOOK = 0.05


class Took(NamedTuple):
    """The seconds on the clock, and those of processors: of this process, and of its server."""

    seconds: float
    own: float
    server: float


def tell(alias: str, figure: str, took: Took, count: int) -> None:
    has_name = alias in settings.DATABASES
    kind = settings.DATABASES[alias]["ENGINE"].rpartition(".")[2] if has_name else alias
    own, server = (1000 * each / count for each in (took.own, took.server))
    sys.stdout.write(
        f"\n{figure:32} {kind:12} {took.seconds:8.2f} s {count / took.seconds:10,.0f} /s"
        f"   processor {own:6.2f} + {server:5.2f} ms each\n"
    )


def now_of(alias: str) -> Took:
    """Return how the clocks stand. A server elsewhere counts as none."""
    return Took(perf_counter(), process_time(), server_time(alias))


def server_time(alias: str) -> float:
    """Return the seconds of processors that the sessions of a PostgreSQL of this host have had."""
    if not is_durable(alias) or connections[database_of(alias)].vendor != "postgresql":
        return 0.0
    with connections[database_of(alias)].cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity")
        found = [Path(f"/proc/{pid}/schedstat") for (pid,) in cursor.fetchall()]
    return sum(int(path.read_text().split()[0]) for path in found if path.exists()) / 1e9


def last_of(run: PipelineRun) -> str:
    """Return the id of the last step of a run."""
    return run.results[-1].id


def timed_end(alias: str, enqueue: Callable[[], str]) -> Took:
    """Return what it took one worker from an enqueue, which tells its last job, to the end of all.

    It is looked for rarely: who counts jobs all the time in the worker's own process takes half
    of its time.
    """
    store = store_of(alias)
    worker = None
    if is_durable(alias):
        worker = worker_for(alias, threads=10, poll_interval=1.0)
        threading.Thread(target=worker.run, daemon=True).start()
    wait_until(lambda: is_durable(alias) <= len(store.insights().workers), what="the worker")
    started = now_of(alias)
    last = enqueue()
    # By one key: who counts all jobs again and again takes more than a step does.
    wait_until(lambda: not store.unfinished([last]), timeout=LONGEST, what="the last", every=LOOK)
    open_states = (State.READY, State.RUNNING, State.DEFERRED)
    wait_until(
        lambda: not store.insights().depth(*open_states),
        timeout=LONGEST,
        what="the jobs to end",
        every=LOOK,
    )
    took = Took(*map(sub, now_of(alias), started))
    if worker is not None:
        worker.stop()
    return took


def test_a_chain_of_a_thousand_steps(alias: str) -> None:
    pipeline = chain([steps.pass_on] * 1000)
    with with_options(alias, **_room(alias)):
        took = timed_end(alias, lambda: last_of(pipeline.enqueue(backend=alias)))
    tell(alias, "chain of 1,000", took, 1000)


def test_a_fan_out_over_ten_thousand_and_its_join(alias: str) -> None:
    pipeline = steps.begin.s(list(range(10_000))) >> steps.double.map() >> steps.gather
    runs: list[PipelineRun] = []

    def enqueue() -> str:
        runs.append(pipeline.enqueue(backend=alias))
        return last_of(runs[0])

    with with_options(alias, **_room(alias)):
        took = timed_end(alias, enqueue)
        made = runs[0]
        made.refresh()
        assert made.results["gather"].return_value == [2 * item for item in range(10_000)]
    tell(alias, "fan-out and join over 10,000", took, 10_002)


def test_parallel_steps_beside_free_jobs(alias: str) -> None:
    count = 5000
    pipeline = steps.pass_on >> group([steps.pass_on] * count) >> steps.pass_on
    free = steps.pass_on.using(backend=alias)
    calls = [((), {})] * count
    with with_options(alias, **_room(alias)):
        of_free = timed_end(alias, lambda: free.enqueue_many(calls)[-1].id)
        took = timed_end(alias, lambda: last_of(pipeline.enqueue(backend=alias)))
    tell(alias, "5,000 free jobs", of_free, count)
    ratio = took.seconds / of_free.seconds
    tell(alias, f"5,000 parallel steps, {ratio:.1f} x", took, count)


def test_an_enqueue_of_a_thousand_nodes(alias: str) -> None:
    pipeline = chain(
        steps.pass_on, group([steps.pass_on] * 500), steps.pass_on, group([steps.pass_on] * 498)
    )
    times = []
    with with_options(alias, **_room(alias)):
        for _ in range(5):
            started = now_of(alias)
            pipeline.enqueue(backend=alias)
            times.append(Took(*map(sub, now_of(alias), started)))
    tell(alias, "enqueue of 1,000 nodes", sorted(times)[2], 1000)


def _room(alias: str) -> dict[str, int]:
    return {} if is_durable(alias) else {"MAX_RESULTS": 1000}
