"""Children die again and again for a minute: afterwards the workers are as fast as before."""

import random
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from django_taskq.jobs.states import State
from tests.lifecycle import tasks
from tests.lifecycle.kills import kill_a_child, lost_without_cause
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.soaking import soak_seconds
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = [pytest.mark.lifecycle, pytest.mark.soak]

KILL_EVERY = 2.0
LEAST_OF_BEFORE = 0.85
WINDOW = 8.0
SETTLE = 3.0
# More than the two workers can do in the time: the load is the same from beginning to end.
JOBS_A_SECOND = 420


def test_kills_every_2_s_for_a_minute_cost_nothing_that_lasts(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(3)
    seconds = soak_seconds(at_most=60.0)
    stage.use(LEASE=30.0)
    both = [workers.start_working("--threads", "4") for _ in range(2)]
    load = int((seconds + 2 * WINDOW + 3 * SETTLE) * JOBS_A_SECOND)
    ids = []
    while len(ids) < load:
        ids += stage.enqueue_acked(tasks.work, [(0.02,)] * 1000)
    stage.wait_started(100)

    before = _accepted_per_second(stage)
    killed = set()
    pause = threading.Event()
    end = monotonic() + seconds
    while monotonic() < end:
        killed.add(kill_a_child(chance.choice(both), chance))
        pause.wait(KILL_EVERY)
    pause.wait(SETTLE)
    after = _accepted_per_second(stage)
    assert stage.unended(), "The load was over before the end of the measurement."
    stage.wait_all_ended(timeout=120 + seconds)

    record_property("kills", len(killed))
    record_property("jobs/s before", round(before))
    record_property("jobs/s after", round(after))
    assert after >= LEAST_OF_BEFORE * before
    assert stage.count(State.SUCCESSFUL) == len(ids)
    assert not lost_without_cause(stage, killed)
    ledger = ledger_of(stage, disturbed=killed)
    ledger.assert_sound()
    assert len(ledger.duplicates) <= 4 * len(killed)
    assert [worker.stop() for worker in both] == [0, 0]


def _accepted_per_second(stage: Stage) -> float:
    began, count = monotonic(), stage.journal.count("accepted")
    threading.Event().wait(WINDOW)
    return (stage.journal.count("accepted") - count) / (monotonic() - began)
