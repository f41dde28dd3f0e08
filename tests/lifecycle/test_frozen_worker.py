"""A worker that slept past its lease has lost its jobs: what it then says of them is refused."""

import pytest

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

LEASE = 2.0


def test_the_late_results_of_a_frozen_worker_are_refused_and_it_goes_on_under_a_new_id(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=LEASE)
    gate = stage.path("gate")
    frozen = workers.start_working("--threads", "2", "--poll-interval", "0.2")
    first_id = stage.worker_of(frozen.pid).id
    held = stage.enqueue_acked(tasks.block, [(str(gate),)] * 2)
    stage.wait_started(2)

    frozen.freeze()
    other = workers.start_working("--threads", "4")
    stage.wait_started(4)
    gate.touch()
    stage.wait_all_ended()
    more = stage.enqueue_acked(tasks.work, [()] * 10)
    stage.wait_all_ended()
    frozen.thaw()

    wait_until(lambda: stage.journal.count("refused") == 2, what="both late results to be refused")
    frozen.wait_for_log("lost its lease")
    assert frozen.log.count("A late result of job") == 2
    records = {record.id: record for record in stage.records()}
    other_id = stage.worker_of(other.pid).id
    assert {records[id].worker_id for id in held + more} == {other_id}
    assert {records[id].state for id in held + more} == {State.SUCCESSFUL}
    assert {event.worker for event in stage.journal.events("refused")} == {first_id}
    assert {event.job for event in stage.journal.events("refused")} == set(held)

    assert other.stop() == 0
    alone = stage.enqueue_acked(tasks.work, [()] * 10)
    stage.wait_all_ended()
    (new_id,) = {record.worker_id for record in stage.store.get(alone)}
    assert new_id != first_id
    assert frozen.process.pid == frozen.pid
    assert frozen.is_running
    ledger_of(stage, disturbed={frozen.pid}).assert_sound()
    assert frozen.stop() == 0
    assert "2 late results refused" in frozen.log


def test_a_worker_frozen_for_less_than_its_lease_loses_nothing(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=8.0)
    gate = stage.path("gate")
    frozen = workers.start_working("--threads", "2")
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 2)
    stage.wait_started(2)

    frozen.freeze()
    other = workers.start_working("--threads", "2")
    stage.enqueue_acked(tasks.work, [(0.3,)] * 10)
    wait_until(lambda: stage.journal.count("accepted") == 10, what="the other worker's jobs to end")
    gate.touch()
    frozen.thaw()
    stage.wait_all_ended()

    assert not stage.journal.count("refused")
    assert other.is_running
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates


def test_jobs_that_a_frozen_worker_had_not_started_are_never_started_by_it(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=LEASE)
    gate = stage.path("gate")
    frozen = workers.start_working("--threads", "1")
    (first, *others) = stage.enqueue_acked(tasks.block, [(str(gate),)] * 6)
    stage.wait_started(1)
    wait_until(lambda: stage.count(State.RUNNING) > 1, what="more to be claimed ahead")

    frozen.freeze()
    gate.touch()
    workers.start_working("--threads", "2")
    stage.wait_all_ended()
    frozen.thaw()
    wait_until(lambda: stage.journal.count("refused") == 1, what="the late result to be refused")

    started_there = {
        event.job for event in stage.journal.events("start") if event.group == frozen.pid
    }
    assert started_there == {first}
    assert {record.state for record in stage.store.get(others)} == {State.SUCCESSFUL}
    ledger_of(stage, disturbed={frozen.pid}).assert_sound()


def test_a_lone_worker_that_slept_past_its_lease_keeps_what_nobody_took(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=1.0)
    gate = stage.path("gate")
    frozen = workers.start_working("--threads", "2")
    first_id = stage.worker_of(frozen.pid).id
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 2)
    stage.wait_started(2)

    frozen.freeze()
    wait_until(
        lambda: not stage.worker_of(frozen.pid).is_alive, what="the lease of the worker to end"
    )
    frozen.thaw()
    wait_until(lambda: stage.worker_of(frozen.pid).is_alive, what="the lease to be renewed")
    gate.touch()
    stage.wait_all_ended()

    assert {record.worker_id for record in stage.records()} == {first_id}
    assert {record.attempt for record in stage.records()} == {1}
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
