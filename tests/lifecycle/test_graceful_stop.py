"""SIGTERM: what runs may finish, what does not run goes back at once, and nothing costs a try."""

import os
from collections.abc import Callable
from signal import SIGINT, SIGTERM, Signals
from time import monotonic

import pytest

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

# What a machine with much else to do may need on top.
SLACK = 5.0


def test_jobs_within_the_grace_finish_and_prefetched_ones_go_back_at_once(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    worker = workers.start_working("--threads", "4", "--grace", "20")
    seconds = [0.1, 2.0, 2.5, 3.0]
    running = stage.enqueue_acked(tasks.work, [(length,) for length in seconds])
    stage.wait_started(4)
    gate = stage.path("gate")
    waiting = stage.enqueue_acked(tasks.block, [(str(gate),)] * 30)
    wait_until(
        lambda: any(record.state is State.RUNNING for record in stage.store.get(waiting)),
        timeout=1.5,
        what="some jobs to be claimed ahead",
    )

    asked_at = monotonic()
    worker.signal(SIGTERM)
    wait_until(
        lambda: all(record.state is State.READY for record in stage.store.get(waiting)),
        timeout=3.0,
        what="the prefetched jobs to be READY",
    )
    given_back_after = monotonic() - asked_at
    assert worker.wait() == 0
    took = monotonic() - asked_at

    record_property("prefetched given back after", round(given_back_after, 3))
    record_property("exit after", round(took, 2))
    assert took < max(seconds) + SLACK
    done = {record.id: record for record in stage.store.get(running)}
    assert {record.state for record in done.values()} == {State.SUCCESSFUL}
    assert {record.tries for record in done.values()} == {1}
    untouched = stage.store.get(waiting)
    assert {record.tries for record in untouched} == {0}
    assert {record.worker_id for record in untouched} == {None}
    assert not stage.store.insights().workers
    assert "Traceback" not in worker.log

    gate.touch()
    workers.start_working("--threads", "10")
    stage.wait_all_ended()
    assert {record.tries for record in stage.store.get(waiting)} == {1}
    ledger_of(stage).assert_sound()


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_jobs_beyond_the_grace_go_back_without_costing_a_try(
    stage: Stage, workers: Workers, number: Signals
) -> None:
    gate = stage.path("gate")
    worker = workers.start_working("--threads", "2", "--grace", "1")
    ids = stage.enqueue_acked(tasks.block.using(max_tries=1), [(str(gate),)] * 6)
    stage.wait_started(2)

    asked_at = monotonic()
    worker.signal(number)
    assert worker.wait() == 0
    assert 1.0 <= monotonic() - asked_at < 1.0 + SLACK

    records = stage.store.get(ids)
    assert {record.state for record in records} == {State.READY}
    assert {(record.tries, record.lost) for record in records} == {(0, 0)}
    gate.touch()
    workers.start_working("--threads", "6")
    stage.wait_all_ended()
    assert {record.state for record in stage.store.get(ids)} == {State.SUCCESSFUL}
    ledger_of(stage, disturbed={worker.pid}).assert_sound()


@pytest.mark.parametrize("is_to_all", [False, True])
@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_under_the_autoreloader_a_signal_means_the_same(
    stage: Stage, workers: Workers, number: Signals, is_to_all: bool
) -> None:
    worker = workers.start_working("--reload", "--threads", "2", "--grace", "20")
    ids = stage.enqueue_acked(tasks.work, [(1.5,)] * 2)
    stage.wait_started(2)

    if is_to_all:
        os.killpg(worker.pid, number)
    else:
        worker.signal(number)
    assert worker.wait() == 0

    assert {record.state for record in stage.store.get(ids)} == {State.SUCCESSFUL}
    assert not stage.store.insights().workers
    assert "Traceback" not in worker.log
    assert "Done: 2 attempts, 0 jobs given back." in worker.log


def test_under_the_autoreloader_a_second_signal_gives_everything_back_at_once(
    stage: Stage, workers: Workers
) -> None:
    gate = stage.path("gate")
    worker = workers.start_working("--reload", "--threads", "3", "--grace", "60")
    ids = stage.enqueue_acked(tasks.block, [(str(gate),)] * 3)
    stage.wait_started(3)

    worker.signal(SIGTERM)
    worker.wait_for_log("Stopping")
    worker.signal(SIGTERM)
    assert worker.wait() == 0
    assert {record.state for record in stage.store.get(ids)} == {State.READY}


def test_a_second_signal_gives_everything_back_at_once(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    gate = stage.path("gate")
    worker = workers.start_working("--threads", "3", "--grace", "60")
    ids = stage.enqueue_acked(tasks.block, [(str(gate),)] * 12)
    stage.wait_started(3)

    worker.signal(SIGTERM)
    worker.wait_for_log("Stopping")
    asked_at = monotonic()
    worker.signal(SIGTERM)
    assert worker.wait() == 0
    took = monotonic() - asked_at

    record_property("exit after the second signal", round(took, 2))
    assert took < SLACK
    records = stage.store.get(ids)
    assert {record.state for record in records} == {State.READY}
    assert {(record.tries, record.lost) for record in records} == {(0, 0)}
    gate.touch()
    workers.start_working("--threads", "6")
    stage.wait_all_ended()
    ledger_of(stage, disturbed={worker.pid}).assert_sound()


def test_a_worker_under_load_stops_cleanly(stage: Stage, workers: Workers) -> None:
    stage.enqueue_acked(tasks.work, [(0.002,)] * 800)
    stage.enqueue_acked(tasks.awork, [()] * 100)
    first = workers.start_working("--threads", "4")
    stage.wait_started(200)

    asked_at = monotonic()
    assert first.stop() == 0
    assert monotonic() - asked_at < SLACK
    assert not stage.count(State.RUNNING)

    workers.start_working("--threads", "8")
    stage.wait_all_ended()
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert {record.tries for record in stage.records()} == {1}


def test_an_idle_worker_stops_at_once(stage: Stage, workers: Workers) -> None:
    worker = workers.start_working("--poll-interval", "30")

    asked_at = monotonic()
    assert worker.stop() == 0

    assert monotonic() - asked_at < SLACK


def test_a_child_that_gets_the_signal_ends_gracefully_and_is_replaced(
    stage: Stage, workers: Workers
) -> None:
    worker = workers.start_working("--threads", "2", "--grace", "20")
    first = worker.child
    # The signal arrives in the thread of a job, as the kernel may choose any.
    stage.enqueue_acked(tasks.stop_worker, [()])
    worker.wait_for_log("stopped: 1 attempt done")
    stage.enqueue_acked(tasks.work, [()])
    stage.wait_all_ended()

    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert worker.child != first
    assert worker.stop() == 0
    assert "Done: 2 attempts, 0 jobs given back." in worker.log


def test_signals_to_all_processes_at_once_are_one_stop(stage: Stage, workers: Workers) -> None:
    worker = workers.start_working("--threads", "2", "--grace", "20")
    ids = stage.enqueue_acked(tasks.work, [(1.5,)] * 2)
    stage.wait_started(2)

    # As Ctrl-C in a terminal and the stop of a whole service do.
    for number in (SIGINT, SIGTERM):
        os.killpg(worker.pid, number)
        break
    assert worker.wait() == 0
    assert {record.state for record in stage.store.get(ids)} == {State.SUCCESSFUL}
