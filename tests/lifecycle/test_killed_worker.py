"""A worker that dies takes no job with it: what it held runs again, once its lease is over."""

from collections.abc import Callable
from time import monotonic

import pytest

from django_taskq.jobs.states import Failure, State
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

LEASE = 2.0
SLACK = 5.0


def test_kill_9_during_2000_jobs_loses_none_and_they_run_again_after_the_lease(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    stage.use(LEASE=LEASE)
    victim = workers.start_working("--threads", "4")
    workers.start_working("--threads", "4")
    stage.enqueue_acked(tasks.work, [(0.01,)] * 2000)
    stage.wait_started(100)

    victim.freeze_holding(stage)
    victim.kill()
    killed_at = monotonic()
    stage.wait_all_ended()

    # What the victim had sent before its death the server may still have carried out.
    taken_back = {record.id for record in stage.records() if record.attempt > 1}
    again = [
        event.at - killed_at
        for event in stage.journal.events("start")
        if event.job in taken_back and event.group != victim.pid
    ]
    record_property("taken back", len(again))
    record_property("last of them restarted after", round(max(again, default=0.0), 2))
    assert again, "The worker held nothing when it was killed, so that nothing was proved."
    assert len(again) == len(taken_back)
    assert max(again) < LEASE + SLACK
    ledger = ledger_of(stage, disturbed={victim.pid})
    ledger.assert_sound()
    assert ledger.committed == 2000
    assert set(ledger.duplicates) <= taken_back
    # The death cost no try: these jobs ran for less than the second after which that is known.
    assert {record.tries for record in stage.records(State.SUCCESSFUL)} == {1}


def test_a_fleet_that_is_killed_again_and_again_still_gets_everything_done(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=1.5)
    stage.enqueue_acked(tasks.work, [(0.02,)] * 600)
    killed = set()
    for started in (60, 160, 280):
        victim = workers.start_working("--threads", "4")
        stage.wait_started(started)
        victim.kill()
        killed.add(victim.pid)
    workers.start_working("--threads", "4")

    stage.wait_all_ended()

    ledger_of(stage, disturbed=killed).assert_sound()


def test_a_job_that_takes_whole_hosts_down_fails_as_lost(stage: Stage, workers: Workers) -> None:
    stage.use(LEASE=1.0, MAX_LOST=1)
    gate = stage.path("gate")
    (deadly,) = stage.enqueue_acked(tasks.block, [(str(gate),)])

    # In company, which is no proof of guilt, then alone.
    for started in (1, 2):
        victim = workers.start_working("--threads", "2")
        stage.wait_started(started)
        stage.wait_noted(1)
        victim.kill()
    workers.start_working("--threads", "2")
    stage.enqueue_acked(tasks.work, [()] * 20)
    stage.wait_all_ended()

    (record,) = stage.store.get([deadly])
    assert (record.state, record.failure, record.lost) == (State.FAILED, Failure.LOST, 1)
    assert len(record.worker_ids) == 2
    assert [error.exception_class_path for error in record.errors] == [
        "django_taskq.exceptions.JobLost"
    ] * 2
    assert stage.count(State.SUCCESSFUL) == 20
