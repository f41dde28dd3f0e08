"""Schedules tick once for each instant, whichever workers die."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from time import monotonic

import pytest

from django_taskq.jobs.states import State
from django_taskq.models import Schedule, Tick
from tests.deadlines import wait_until
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

WORK = "tests.lifecycle.tasks.work"


def tick_each_second(stage: Stage) -> Schedule:
    """Store a schedule of a second that begins now."""
    first = stage.store.now() + timedelta(seconds=1)
    row = Schedule(name="pulse", task=WORK, every=1.0, next_at=first, overlap="allow")
    row.save(using=ALIAS)
    # An interval counts from there.
    Schedule.objects.using(ALIAS).filter(pk=row.pk).update(created_at=first)
    return row


def kill_workers(workers: Workers, count: int, seconds: float, every: float) -> int:
    """Have hosts of workers die and others take their place; return how many died."""
    chance, pause = random.Random(7), threading.Event()
    alive = [workers.start_working("--threads", "2") for _ in range(count)]
    end, kills = monotonic() + seconds, 0
    while monotonic() < end:
        pause.wait(every)
        alive.pop(chance.randrange(len(alive))).kill()
        kills += 1
        alive.append(workers.start("--threads", "2"))
    return kills


def assert_each_once(stage: Stage, schedule: Schedule) -> list[float]:
    """Look for an instant without its one job; return how late the ticks were."""
    Schedule.objects.using(ALIAS).update(enabled=False)
    ticks = list(Tick.objects.using(ALIAS).filter(schedule=schedule).order_by("due_at"))
    assert [tick.decision for tick in ticks] == ["fired"] * len(ticks)
    second = timedelta(seconds=1)
    assert all(after.due_at - before.due_at == second for before, after in pairwise(ticks))
    wait_until(
        lambda: stage.count(State.SUCCESSFUL) >= len(ticks), timeout=60, what="the jobs to end"
    )
    jobs = stage.records()
    assert Counter(job.id for job in jobs) == Counter(str(tick.job_id) for tick in ticks)
    assert {job.scheduled_for for job in jobs} == {tick.due_at for tick in ticks}
    return sorted(tick.late for tick in ticks)


def test_each_second_has_one_tick_and_one_job_while_hosts_die(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=2.0)
    schedule = tick_each_second(stage)
    kill_workers(workers, 3, seconds=6.0, every=1.3)
    late = assert_each_once(stage, schedule)
    assert len(late) >= 6


@pytest.mark.soak
@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_ten_workers_fire_two_minutes_of_seconds_half_a_second_late_at_most(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    stage.use(LEASE=5.0)
    watched = [workers.start_working("--threads", "2") for _ in range(4)]
    schedule = tick_each_second(stage)
    kills = kill_workers(workers, 6, seconds=120.0, every=3.0)
    late = assert_each_once(stage, schedule)
    p99 = late[int(len(late) * 0.99) - 1]
    for name, value in {"kills": kills, "ticks": len(late), "p99": p99, "max": late[-1]}.items():
        record_property(name, value)
    assert len(late) >= 120
    assert p99 < 0.5
    assert [worker.stop() for worker in watched] == [0] * 4


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_a_worker_that_only_schedules_fires_and_takes_no_job(
    stage: Stage, workers: Workers
) -> None:
    schedule = tick_each_second(stage)
    idle = workers.start_working("--no-scheduler", "--threads", "1")
    only = workers.start_working("--scheduler-only")
    ids = {worker.id: worker.supervisor_pid for worker in stage.store.insights().workers}
    wait_until(lambda: stage.count(State.SUCCESSFUL) >= 2, timeout=30, what="two ticks to run")
    assert only.stop() == 0
    # What it fired last is still to run.
    wait_until(lambda: not stage.unended(), what="the jobs to end")
    assert idle.stop() == 0
    assert {ids[start.worker] for start in stage.journal.events("start")} == {idle.pid}
    late = assert_each_once(stage, schedule)
    assert len(late) >= 2
