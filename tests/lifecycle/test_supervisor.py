"""A supervisor keeps its children at work, and ends with all of them."""

import os
import random
import signal
import threading
from collections.abc import Callable
from time import monotonic

import psutil
import pytest

from django_taskq.jobs.states import Failure, State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.kills import kill_a_child, lost_without_cause
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers, is_there

pytestmark = pytest.mark.lifecycle

SLACK = 5.0
METHODS = ("fork", "spawn", "forkserver")

# What has nothing to do with the database is proved on one.
on_one_database = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)


def test_random_kills_of_children_lose_no_job(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(20)
    stage.use(LEASE=30.0)
    worker = workers.start_working("--processes", "2", "--threads", "4")
    stage.enqueue_acked(tasks.work, [(0.01,)] * 2000)
    killed, delays = set(), []
    for number in range(20):
        stage.wait_started(40 * number)
        joined = {event.pid for event in stage.journal.events("joined")}
        killed.add(kill_a_child(worker, chance))
        delays.append(_time_to_next_start(stage, joined))
    stage.wait_all_ended(timeout=90)

    delays.sort()
    record_property("to the next start p50", round(delays[10], 2))
    record_property("to the next start max", round(delays[-1], 2))
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert not lost_without_cause(stage, killed)
    ledger = ledger_of(stage, disturbed=killed)
    ledger.assert_sound()
    # Each kill may repeat what ran in the child at that moment, and nothing else.
    assert len(ledger.duplicates) <= 20 * 4
    assert worker.stop() == 0


def _time_to_next_start(stage: Stage, joined: set[int]) -> float:
    """Return the seconds until an attempt starts in a child that had not joined before."""
    began = monotonic()

    def has_started_anew() -> bool:
        starts = stage.journal.events("start")
        return any(start.pid not in joined for start in starts) or not stage.unended()

    wait_until(has_started_anew, timeout=20, what="a new child to start a job")
    return monotonic() - began


@on_one_database
@pytest.mark.parametrize("method", METHODS)
def test_a_dead_child_is_replaced_and_its_jobs_start_again_however_it_was_started(
    stage: Stage, workers: Workers, method: str
) -> None:
    stage.use(LEASE=30.0)
    gate = stage.path("gate")
    worker = workers.start_working("--threads", "2", "--start-method", method)
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 6)
    stage.wait_started(2)
    (first,) = {event.pid for event in stage.journal.events("start")}

    os.kill(first, signal.SIGKILL)
    gate.touch()
    stage.wait_all_ended()

    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert worker.is_running
    ledger_of(stage, disturbed={first}).assert_sound()
    assert worker.stop() == 0
    wait_until(lambda: not _family(worker), what="all processes to be gone")


def _family(worker: RealWorker) -> list[int]:
    """Return the processes of a worker's group that are still there."""
    return [
        process.pid
        for process in psutil.process_iter()
        if is_there(process.pid) and _group_of(process.pid) == worker.pid
    ]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


@on_one_database
@pytest.mark.parametrize("method", METHODS)
def test_no_child_outlives_its_supervisor(stage: Stage, workers: Workers, method: str) -> None:
    stage.use(LEASE=2.0)
    worker = workers.start_working("--processes", "2", "--start-method", method)
    # One that holds the interpreter's lock cannot hear that the supervisor is gone.
    stage.enqueue_acked(tasks.hold_the_lock, [(2,)] * 2)
    stage.wait_started(1)

    os.kill(worker.pid, signal.SIGKILL)

    wait_until(lambda: not _family(worker), timeout=10, what="all processes to be gone")
    workers.start_working("--threads", "4")
    stage.wait_all_ended()
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}


def test_a_job_that_holds_the_interpreters_lock_past_the_lease_keeps_its_worker(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=1.5)
    worker = workers.start_working("--threads", "2")
    other = workers.start_working("--threads", "2")
    ids = stage.enqueue_acked(tasks.hold_the_lock, [(5,)])
    stage.wait_started(1)
    stage.enqueue_acked(tasks.work, [(0.05,)] * 20)

    stage.wait_all_ended()

    assert {record.attempt for record in stage.store.get(ids)} == {1}
    assert not stage.journal.count("refused")
    assert ("does not renew its lease" in worker.log) != ("does not renew its lease" in other.log)
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert (worker.stop(), other.stop()) == (0, 0)


def test_a_child_that_was_stopped_loses_its_lease(stage: Stage, workers: Workers) -> None:
    stage.use(LEASE=1.5)
    gate = stage.path("gate")
    worker = workers.start_working("--threads", "1")
    stage.enqueue_acked(tasks.block, [(str(gate),)])
    stage.wait_started(1)
    frozen = worker.child
    workers.start_working("--threads", "1")

    os.kill(frozen, signal.SIGSTOP)
    gate.touch()
    stage.wait_all_ended()
    os.kill(frozen, signal.SIGCONT)

    wait_until(lambda: stage.journal.count("refused") == 1, what="the late result to be refused")
    ledger_of(stage, disturbed={frozen}).assert_sound()


@on_one_database
def test_children_are_replaced_after_so_many_jobs(stage: Stage, workers: Workers) -> None:
    stage.enqueue_acked(tasks.work, [()] * 250)
    worker = workers.start("--burst", "--max-jobs", "100", "--threads", "2")

    assert worker.wait() == 0

    by_child: dict[int, int] = {}
    for event in stage.journal.events("start"):
        by_child[event.pid] = by_child.get(event.pid, 0) + 1
    assert sorted(by_child.values()) == [50, 100, 100]
    assert "Done: 250 attempts, 0 jobs given back." in worker.log
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates


@on_one_database
def test_a_child_that_grows_too_big_is_replaced_and_finishes_what_it_runs(
    stage: Stage, workers: Workers
) -> None:
    gate = stage.path("gate")
    worker = workers.start_working("--max-memory", "150", "--threads", "3", "--grace", "1")
    first = worker.child
    (long,) = stage.enqueue_acked(tasks.block, [(str(gate),)])
    stage.wait_started(1)
    stage.enqueue_acked(tasks.grow, [(150,)])
    worker.wait_for_log("more than --max-memory allows")
    (later,) = stage.enqueue_acked(tasks.work, [()])
    wait_until(lambda: stage.store.get([later])[0].is_ended, what="the new child's job to end")
    # Longer than the grace, which is for a stop.
    tasks.rest(1.5)
    gate.touch()
    stage.wait_all_ended()

    pids = {event.job: event.pid for event in stage.journal.events("start")}
    assert pids[long] == first != pids[later]
    assert {record.attempt for record in stage.records()} == {1}
    wait_until(lambda: not is_there(first), what="the big child to end")


@on_one_database
def test_a_child_in_which_as_many_threads_hang_as_may_work_is_replaced(
    stage: Stage, workers: Workers
) -> None:
    gate = stage.path("gate")
    worker = workers.start_working("--threads", "2")
    first = worker.child
    stage.enqueue_acked(tasks.block.using(timeout=0.3), [(str(gate),)] * 2)
    worker.wait_for_log("another takes its place")
    (later,) = stage.enqueue_acked(tasks.work, [()])
    stage.wait_all_ended()

    (pid,) = {event.pid for event in stage.journal.events("start") if event.job == later}
    assert pid != first
    wait_until(lambda: not is_there(first), timeout=20, what="the old child to end")
    assert {record.failure for record in stage.records(State.FAILED)} == {Failure.TIMEOUT}
    assert worker.stop() == 0
    gate.touch()


@on_one_database
def test_a_child_that_is_done_but_does_not_end_is_killed(stage: Stage, workers: Workers) -> None:
    stage.enqueue_acked(tasks.leave_a_thread, [()])
    worker = workers.start("--burst")

    assert worker.wait() == 0

    assert stage.count(State.SUCCESSFUL) == 1
    assert "Done: 1 attempt, 0 jobs given back." in worker.log


@on_one_database
def test_children_that_do_not_stop_are_killed_and_their_jobs_given_back(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=60.0)
    worker = workers.start_working("--threads", "2", "--grace", "60")
    ids = stage.enqueue_acked(tasks.hold_the_lock, [(60,)])
    stage.wait_started(1)

    asked_at = monotonic()
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("Stopping")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0

    assert monotonic() - asked_at < 8 + SLACK
    records = stage.store.get(ids)
    assert {(record.state, record.tries, record.lost) for record in records} == {
        (State.READY, 0, 0)
    }
    assert not stage.store.insights().workers


def test_prefetched_jobs_of_all_children_go_back_at_once(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    gate = stage.path("gate")
    worker = workers.start_working("--processes", "2", "--threads", "2", "--grace", "20")
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 30)
    stage.wait_started(4)
    wait_until(lambda: stage.count(State.RUNNING) > 4, what="more to be claimed ahead")

    asked_at = monotonic()
    worker.signal(signal.SIGTERM)
    wait_until(lambda: stage.count(State.RUNNING) == 4, what="the prefetched jobs to be READY")
    took = monotonic() - asked_at
    gate.touch()
    assert worker.wait() == 0

    record_property("prefetched given back after", round(took, 3))
    # The grace is 20 s.
    assert took < SLACK
    assert stage.count(State.SUCCESSFUL) == 4
    assert {r.tries for r in stage.records(State.READY)} == {0}
    assert "Done: 4 attempts" in worker.log


@on_one_database
def test_a_child_that_cannot_start_is_tried_again_with_pauses(
    stage: Stage, workers: Workers
) -> None:
    marker = stage.path("broken")
    marker.touch()
    worker = workers.start(environment={"TASKQ_TEST_BREAK_CHILD": str(marker)})
    worker.wait_for_log("the next one starts in")
    pause = threading.Event()
    pause.wait(2.0)
    assert worker.log.count("the next one starts in") < 10
    marker.unlink()
    stage.enqueue_acked(tasks.work, [()])
    stage.wait_all_ended()
    assert worker.stop() == 0
