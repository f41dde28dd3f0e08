"""A job that takes its processes down ends as lost, and takes nobody with it."""

import pytest

from django_taskq.jobs.states import Failure, State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

TOLD = {
    "segfault": "was killed by signal 11 (SIGSEGV)",
    "exit": "exited with status 3",
    "kill": "was killed by signal 9 (SIGKILL)",
    "memory": "was killed by signal 11 (SIGSEGV)",
}


@pytest.mark.parametrize("how", tasks.WAYS_TO_BREAK_DOWN)
def test_a_poison_job_fails_as_lost_and_its_neighbours_lose_nothing(
    stage: Stage, workers: Workers, how: str
) -> None:
    stage.use(LEASE=30.0, MAX_LOST=2)
    worker = workers.start_working("--threads", "4")
    neighbours = stage.enqueue_acked(tasks.work.using(max_tries=3), [(0.3,)] * 6)
    (poison,) = stage.enqueue_acked(tasks.break_down, [(how,)])
    neighbours += stage.enqueue_acked(tasks.work.using(max_tries=3), [(0.05,)] * 40)

    stage.wait_all_ended()

    (record,) = stage.store.get([poison])
    assert (record.state, record.failure, record.lost) == (State.FAILED, Failure.LOST, 2)
    assert TOLD[how] in (record.reason or "")
    # In company, then alone until MAX_LOST.
    assert len(record.worker_ids) == len(record.errors) == 3
    assert all(TOLD[how] in error.traceback for error in record.errors)
    others = stage.store.get(neighbours)
    assert {record.state for record in others} == {State.SUCCESSFUL}
    assert {record.lost for record in others} == {0}
    # A neighbour that ran at the time may have started again; what was merely claimed paid nothing.
    assert all(record.tries == 1 + len(record.errors) <= 2 for record in others)
    assert worker.is_running
    told = wait_until(
        lambda: [event for event in stage.journal.events("accepted") if event.job == poison],
        what="task_finished of the lost job",
    )
    assert [event.attempt for event in told] == [3]
    assert worker.stop() == 0


def test_a_suspect_that_survives_alone_goes_on_as_any_other_job(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=30.0)
    marker = stage.path("deadly")
    marker.touch()
    workers.start_working("--threads", "4")
    (deadly,) = stage.enqueue_acked(tasks.break_down, [("exit", str(marker))])
    stage.wait_started(2)
    marker.unlink()
    stage.wait_all_ended()

    (record,) = stage.store.get([deadly])
    assert record.state == State.SUCCESSFUL
    assert record.lost == len(record.errors) - 1
    assert record.parked_for is None


def test_each_death_counts_as_a_try_where_tries_are_limited(stage: Stage, workers: Workers) -> None:
    stage.use(LEASE=30.0, MAX_LOST=10)
    workers.start_working("--threads", "2")
    (poison,) = stage.enqueue_acked(tasks.break_down.using(max_tries=3), [("kill",)])

    stage.wait_all_ended()

    (record,) = stage.store.get([poison])
    assert (record.state, record.failure) == (State.FAILED, Failure.LOST)
    assert (record.tries, record.lost) == (3, 2)


def test_a_poison_job_in_a_burst_is_seen_to_its_end(stage: Stage, workers: Workers) -> None:
    stage.use(LEASE=30.0)
    (poison,) = stage.enqueue_acked(tasks.break_down, [("segfault",)])
    stage.enqueue_acked(tasks.work, [()] * 50)

    assert workers.start("--burst", "--threads", "4").wait() == 0

    (record,) = stage.store.get([poison])
    assert (record.state, record.failure) == (State.FAILED, Failure.LOST)
    assert stage.count(State.SUCCESSFUL) == 50
    assert not stage.store.insights().workers
    ledger_of(stage, disturbed={workers.started[0].pid}).assert_sound()


@pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
def test_an_endless_call_that_holds_the_lock_is_ended_by_its_time_limit(
    stage: Stage, workers: Workers
) -> None:
    """No thread of the child can do anything; its supervisor kills it five seconds after."""
    stage.use(LEASE=30.0, MAX_LOST=1)
    worker = workers.start_working("--threads", "3")
    neighbours = stage.enqueue_acked(tasks.work, [(0.5,)] * 2)
    (endless,) = stage.enqueue_acked(tasks.hold_the_lock.using(timeout=0.5), [(600,)])
    stage.wait_started(3)
    neighbours += stage.enqueue_acked(tasks.work, [()] * 20)

    stage.wait_all_ended()

    (record,) = stage.store.get([endless])
    assert (record.state, record.failure, record.lost) == (State.FAILED, Failure.LOST, 1)
    assert "was killed, since a job overran its time limit" in (record.reason or "")
    assert {each.state for each in stage.store.get(neighbours)} == {State.SUCCESSFUL}
    assert worker.stop() == 0


def test_suspects_of_a_lost_host_run_alone_on_another(stage: Stage, workers: Workers) -> None:
    stage.use(LEASE=1.5)
    gate = stage.path("gate")
    victim = workers.start_working("--threads", "3")
    ids = stage.enqueue_acked(tasks.block, [(str(gate),)] * 3)
    stage.wait_started(3)
    stage.wait_noted(3)

    victim.kill()
    other = workers.start_working("--threads", "3")
    stage.wait_started(4)
    gate.touch()
    stage.wait_all_ended()

    records = stage.store.get(ids)
    assert {record.state for record in records} == {State.SUCCESSFUL}
    # The host was lost with three jobs in it: none of them was alone to blame.
    assert {record.lost for record in records} == {0}
    again = [event for event in stage.journal.events("start") if event.group == other.pid]
    assert len({event.pid for event in again}) == 3
