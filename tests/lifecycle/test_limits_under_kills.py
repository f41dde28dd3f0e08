"""Caps and rates hold over three workers whose children are killed, and nearly all is used."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest

from django_taskq.jobs.states import State
from django_taskq.models import Queue, Tenant
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.bounds import (
    Span,
    Watch,
    busy,
    most_at_once,
    most_claimed,
    most_in_a_window,
    spans_of,
)
from tests.lifecycle.kills import kill_a_child, lost_without_cause
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = pytest.mark.lifecycle

# How many jobs of each sort run at once at the most.
CAPS = {"task": 3, "tenant": 2, "queue": 2}
RATE = 50
# Long, so that what passes between the end of one and the start of the next counts for little.
JOB = 0.5
# What is used of the limits in the best stretch of a few seconds beside other tests, and over a
# longer time on a machine that has nothing else to do.
LEAST_AT_BEST = {"task": 0.4, "tenant": 0.4, "queue": 0.4, "rate": 0.02}
LEAST_USED = 0.95
STRETCH = 2.0
# Between the last look at the clock before a start and the line in the journal.
UNSEEN = 0.05
SETTLE = 1.0


@dataclass
class Load:
    """Jobs under every sort of limit, by sort."""

    stage: Stage
    ids: dict[str, list[str]] = field(default_factory=dict)

    def enqueue(self, seconds: float, rated_for: float) -> None:
        """Enqueue as much as can be done in the time."""
        calls = {
            "task": (tasks.capped, (JOB,), seconds * CAPS["task"] / JOB),
            "tenant": (tasks.work.using(tenant="acme"), (JOB,), seconds * CAPS["tenant"] / JOB),
            "queue": (tasks.work.using(queue_name="narrow"), (JOB,), seconds * CAPS["queue"] / JOB),
            "rate": (tasks.rated, (), rated_for * RATE),
        }
        for sort, (task, args, count) in calls.items():
            made = self.stage.enqueue_acked(task, [args] * int(count))
            self.ids.setdefault(sort, []).extend(made)


@pytest.fixture
def load(stage: Stage) -> Load:
    """The limits of this test, and jobs to come."""
    Tenant.objects.using(ALIAS).create(name="acme", max_running=CAPS["tenant"])
    Queue.objects.using(ALIAS).create(name="narrow", max_running=CAPS["queue"])
    return Load(stage)


@pytest.mark.timeout(240)
def test_limits_hold_under_a_few_kills_and_are_used(
    stage: Stage, workers: Workers, load: Load, record_property: Callable[[str, Any], None]
) -> None:
    used = work_under_kills(stage, workers, load, record_property, undisturbed=4.0, kills=3)

    # Other tests run beside this one, and a start that comes 20 ms late is lost for its rate.
    assert {sort for sort, part in used.items() if part < LEAST_AT_BEST[sort]} == set(), used


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_limits_hold_under_100_kills_and_count_exactly_afterwards(
    stage: Stage, workers: Workers, load: Load, record_property: Callable[[str, Any], None]
) -> None:
    # Some jobs are killed alone more often than any job is on its own account.
    stage.use(MAX_LOST=100)
    used = work_under_kills(stage, workers, load, record_property, undisturbed=20.0, kills=100)

    assert min(used.values()) >= LEAST_USED, used


def work_under_kills(
    stage: Stage,
    workers: Workers,
    load: Load,
    record_property: Callable[[str, Any], None],
    *,
    undisturbed: float,
    kills: int,
) -> dict[str, float]:
    """Work a while in peace, under kills, and in peace again; check the limits all along.

    Return what part of each limit was used in the best stretch of the first while.
    """
    all_three = [workers.start("--threads", "4", "--poll-interval", "0.2") for _ in range(3)]
    for worker in all_three:
        worker.wait_working()
    died_at: dict[int, float] = {}
    pause = threading.Event()
    with Watch() as watch:
        load.enqueue(undisturbed + kills + SETTLE, rated_for=undisturbed + 2 * SETTLE)
        stage.wait_started(20)
        pause.wait(SETTLE)
        begin = monotonic()
        pause.wait(undisturbed)
        end = monotonic()
        kill_children(all_three, kills, died_at)
        stage.wait_all_ended(timeout=100 + 5 * kills)
        # What was counted is counted still: as many run at once as before the kills, no fewer.
        load.enqueue(4 * JOB, rated_for=0.5)
        stage.wait_all_ended()

    spans = {sort: spans_of(stage, set(ids), died_at) for sort, ids in load.ids.items()}
    starts = [since for since, _ in spans["rate"]]
    used = best_stretch(spans, begin, end)
    record_property("used", {sort: round(part, 3) for sort, part in used.items()})
    record_property("killed", len(died_at))

    for sort, cap in CAPS.items():
        last = spans_of(stage, set(load.ids[sort][-int(4 * cap) :]), {})
        assert most_at_once(spans[sort]) == cap, sort
        assert most_at_once(last) == cap, sort
    assert watch.looks > 50
    assert watch.most["task", "tests.lifecycle.tasks.capped"] == CAPS["task"]
    assert watch.most["tenant", "acme"] == CAPS["tenant"]
    assert watch.most["queue", "narrow"] == CAPS["queue"]
    records = stage.store.get(load.ids["rate"])
    assert most_claimed((record.claimed_at for record in records), 1.0) <= RATE
    assert most_in_a_window(starts, 1.0 - UNSEEN) <= RATE
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert not lost_without_cause(stage, died_at)
    ledger_of(stage, disturbed=set(died_at)).assert_sound()
    assert [worker.stop() for worker in all_three] == [0, 0, 0]
    return used


def best_stretch(spans: Mapping[str, list[Span]], begin: float, end: float) -> dict[str, float]:
    """Return what part of each limit was used where it was used best."""
    steps = int(2 * (end - begin - STRETCH)) + 1
    begins = [begin + step / 2 for step in range(steps)]
    used = {
        sort: max(busy(spans[sort], at, at + STRETCH) for at in begins) / cap
        for sort, cap in CAPS.items()
    }
    starts = [since for since, _ in spans["rate"]]
    most = max(sum(at <= start < at + STRETCH for start in starts) for at in begins)
    return used | {"rate": most / (RATE * STRETCH)}


def kill_children(all_workers: list[RealWorker], kills: int, died_at: dict[int, float]) -> None:
    """Kill that many children, about one a second; note when each died."""
    chance = random.Random(5)
    while len(died_at) < kills:
        pid = kill_a_child(chance.choice(all_workers), chance)
        if pid:
            died_at[pid] = monotonic()
        wait_until(lambda: all(worker.children for worker in all_workers), timeout=30)
        threading.Event().wait(chance.uniform(0.2, 1.2))
