"""Minutes at half load under faults of every sort: no process grows, and every promise holds."""

import random
import threading
from collections.abc import Callable
from statistics import median
from time import monotonic
from typing import NamedTuple

import psutil
import pytest
from django.db import connections

from django_taskq.jobs.states import State
from tests.lifecycle import tasks
from tests.lifecycle.kills import kill_a_child, lost_without_cause
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.soaking import soak_seconds
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = [pytest.mark.lifecycle, pytest.mark.soak]

THREADS = 4
JOB = 0.02
# Two workers with four threads could do 400 a second; this is no more than half.
BATCH, EVERY = 20, 0.2
STEPS_BETWEEN_FAULTS = 15
# Bounds: the median of the last quarter beyond that of the second, of the same process.
MOST_GROWTH = 8_000_000
MOST_FILES = 8
MOST_THREADS = 4


class Size(NamedTuple):
    """What a process holds at a moment."""

    memory: int
    files: int
    threads: int


class Sizes:
    """What processes that live from end to end have held over time, by name."""

    def __init__(self, processes: dict[str, int]) -> None:
        self.taken: dict[str, list[Size]] = {name: [] for name in processes}
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}

    def take(self) -> None:
        """Measure every process now; one that is gone fails the test."""
        for name, process in self._processes.items():
            size = Size(process.memory_info().rss, process.num_fds(), process.num_threads())
            self.taken[name].append(size)

    def growth(self, name: str) -> Size:
        """Return by how much the last quarter is above the second one."""
        taken = self.taken[name]
        quarter = len(taken) // 4
        second, last = taken[quarter : 2 * quarter], taken[-quarter:]
        return Size(
            *(
                int(median(each[place] for each in last) - median(each[place] for each in second))
                for place in range(3)
            )
        )


def test_minutes_of_faults_at_half_load(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    stage.use(LEASE=10.0)
    chance = random.Random(41)
    options = ("--threads", str(THREADS))
    # One is never killed and shows what grows; the children of another are, and a third is
    # stopped and started anew.
    veteran, victim = (workers.start_working(*options) for _ in range(2))
    restarted = [workers.start_working(*options)]
    sizes = Sizes(
        {"veteran": veteran.pid, "its child": veteran.child, "the victim's supervisor": victim.pid}
    )
    killed: set[int] = set()
    faults: dict[str, Callable[[], object]] = {
        "kill": lambda: killed.add(kill_a_child(victim, chance)),
        "terminate": lambda: _terminate_backends(stage),
        "restart": lambda: _restart(workers, restarted, options),
    }
    made = dict.fromkeys(faults, 0)
    pause = threading.Event()
    end = monotonic() + soak_seconds()
    step = 0
    while monotonic() < end:
        step += 1
        stage.enqueue_acked(tasks.work, [(JOB,)] * BATCH)
        if step % STEPS_BETWEEN_FAULTS == 0:
            fault = chance.choice(list(faults))
            made[fault] += 1
            faults[fault]()
        sizes.take()
        pause.wait(EVERY)
    stage.wait_all_ended(timeout=120)

    record_property("jobs", len(stage.records()))
    record_property("faults", made)
    for name in sizes.taken:
        record_property(f"growth of {name}", sizes.growth(name))
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert not lost_without_cause(stage, killed)
    ledger = ledger_of(stage, disturbed=killed)
    ledger.assert_sound()
    assert len(ledger.duplicates) <= THREADS * len(killed)
    for name in sizes.taken:
        growth = sizes.growth(name)
        assert growth.memory < MOST_GROWTH, name
        assert growth.files <= MOST_FILES, name
        assert growth.threads <= MOST_THREADS, name
    assert [worker.stop() for worker in (veteran, victim, *restarted)] == [0, 0, 0]


def _terminate_backends(stage: Stage) -> None:
    """End all connections to the database but this one; a file has none."""
    if stage.vendor != "postgresql":
        return
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _restart(workers: Workers, current: list[RealWorker], options: tuple[str, ...]) -> None:
    """Stop a worker gracefully under load, and start another in its place."""
    assert current.pop().stop() == 0
    current.append(workers.start_working(*options))
