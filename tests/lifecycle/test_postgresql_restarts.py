"""PostgreSQL goes away and comes back: the same processes go on, and no outcome is lost."""

import threading
from collections.abc import Callable
from itertools import count
from signal import Signals
from time import monotonic

import psutil
import pytest
from django.db import DatabaseError, connections

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.own_postgresql import FAST, IMMEDIATE, OwnPostgresql
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = pytest.mark.lifecycle

BOUND = 5.0
OUTAGE = 3.0
on_own_postgresql = pytest.mark.parametrize("stage", ["own_postgresql"], indirect=True)
on_postgresql = pytest.mark.parametrize("stage", ["postgresql"], indirect=True)


@on_own_postgresql
@pytest.mark.parametrize("how", [IMMEDIATE, FAST], ids=["immediate", "fast"])
def test_a_worker_goes_on_within_5_s_of_the_servers_return(
    stage: Stage,
    workers: Workers,
    own_postgresql: OwnPostgresql,
    how: Signals,
    record_property: Callable[[str, object], None],
) -> None:
    stage.use(LEASE=20.0)
    worker = workers.start_working("--threads", "8")
    stage.enqueue_acked(tasks.work, [(0.02,)] * 1500)
    recoveries = []
    pause = threading.Event()
    for started, outage in ((100, 0.0), (400, OUTAGE)):
        stage.wait_started(started)
        own_postgresql.stop(how)
        burned = _seconds_burned(worker)
        pause.wait(outage)
        burned = _seconds_burned(worker) - burned
        recoveries.append(_bring_back(stage, own_postgresql))
    # It looks for the server now and then, and does not spin.
    assert burned < OUTAGE / 4

    connections[ALIAS].close()
    stage.wait_all_ended()
    record_property("working again after", recoveries)
    record_property("processor time of the outage", burned)
    assert max(recoveries) < BOUND
    _assert_undisturbed(stage, worker)


@on_own_postgresql
def test_an_outage_longer_than_the_lease_costs_no_outcome_and_runs_nothing_twice(
    stage: Stage, workers: Workers, own_postgresql: OwnPostgresql
) -> None:
    stage.use(LEASE=2.0)
    gate = stage.path("gate")
    both = [workers.start_working("--threads", "2", "--queues", queue) for queue in ("one", "two")]
    for queue in ("one", "two"):
        stage.enqueue_acked(tasks.block.using(queue_name=queue), [(str(gate),)] * 2)
    stage.wait_started(4)
    for queue in ("one", "two"):
        stage.enqueue_acked(tasks.work.using(queue_name=queue), [(0.01,)] * 50)

    own_postgresql.stop()
    gate.touch()
    stopped_at = monotonic()
    wait_until(lambda: monotonic() - stopped_at > 4.0, what="the leases to be over")
    own_postgresql.start()
    connections[ALIAS].close()
    stage.wait_all_ended()

    for worker in both:
        _assert_undisturbed(stage, worker)


@on_own_postgresql
def test_what_was_enqueued_and_acknowledged_before_a_crash_of_the_server_is_there_after_it(
    stage: Stage, workers: Workers, own_postgresql: OwnPostgresql
) -> None:
    workers.start_working("--threads", "4")
    over = threading.Event()
    writer = threading.Thread(target=_enqueue_until, args=(stage, over))
    writer.start()
    try:
        for acked in (50, 150):
            wait_until(
                lambda acked=acked: stage.journal.count("acked") >= acked,
                timeout=30,
                what=f"{acked} enqueues",
            )
            own_postgresql.stop(IMMEDIATE)
            own_postgresql.start()
    finally:
        over.set()
        writer.join()
    connections[ALIAS].close()
    stage.wait_all_ended()

    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert ledger.committed >= 150


@on_postgresql
def test_backends_terminated_five_times_a_second_end_no_process_and_lose_nothing(
    stage: Stage, workers: Workers
) -> None:
    _terminate_for(stage, workers, seconds=5.0, jobs=2000)


@pytest.mark.soak
@on_postgresql
def test_backends_terminated_for_two_minutes_end_no_process_and_lose_nothing(
    stage: Stage, workers: Workers
) -> None:
    _terminate_for(stage, workers, seconds=120.0, jobs=40_000)


@pytest.mark.soak
@on_own_postgresql
@pytest.mark.parametrize("how", [IMMEDIATE, FAST], ids=["immediate", "fast"])
def test_twenty_restarts_with_outages_of_any_length(
    stage: Stage, workers: Workers, own_postgresql: OwnPostgresql, how: Signals
) -> None:
    stage.use(LEASE=3.0)
    both = [workers.start_working("--threads", "4") for _ in range(2)]
    stage.enqueue_acked(tasks.work, [(0.05,)] * 12_000)
    pause = threading.Event()
    for number in range(20):
        pause.wait(2.0)
        own_postgresql.stop(how)
        pause.wait(number / 2)
        assert _bring_back(stage, own_postgresql) < BOUND
    connections[ALIAS].close()
    stage.wait_all_ended(timeout=300)
    for worker in both:
        _assert_undisturbed(stage, worker)


def _terminate_for(stage: Stage, workers: Workers, *, seconds: float, jobs: int) -> None:
    stage.use(LEASE=10.0)
    both = [workers.start_working("--threads", "4") for _ in range(2)]
    stage.enqueue_acked(tasks.work, [(0.02,)] * jobs)
    began = monotonic()
    terminated = 0
    pause = threading.Event()
    while monotonic() - began < seconds:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            terminated += cursor.fetchone()[0]
        pause.wait(0.2)
    stage.wait_all_ended(timeout=60 + seconds)
    assert terminated > 5 * seconds
    for worker in both:
        _assert_undisturbed(stage, worker)


def _seconds_burned(worker: RealWorker) -> float:
    """Return the processor time that a worker has used so far."""
    times = psutil.Process(worker.child).cpu_times()
    return float(times.user + times.system)


def _bring_back(stage: Stage, server: OwnPostgresql) -> float:
    """Start the server; return after how many seconds a job enqueued from then on has started."""
    server.start()
    back_at = monotonic()
    connections[ALIAS].close()
    (id,) = stage.enqueue_acked(tasks.work.using(priority=100), [()])
    started_at = wait_until(
        lambda: next((e.at for e in stage.journal.events("start") if e.job == id), None),
        timeout=30,
        what="the worker to go on",
    )
    return round(started_at - back_at, 2)


def _assert_undisturbed(stage: Stage, worker: RealWorker) -> None:
    """Check that the same process is at work, each job ran once, and each outcome was taken."""
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert stage.count(State.SUCCESSFUL) == ledger.committed
    assert not stage.journal.count("refused")
    assert worker.is_running
    assert "Traceback" not in worker.log
    assert {event.job for event in stage.journal.events("accepted")} == {
        record.id for record in stage.records()
    }


def _enqueue_until(stage: Stage, over: threading.Event) -> None:
    try:
        for number in count():
            if over.is_set():
                return
            try:
                result = tasks.work.enqueue(token=str(number))
            except DatabaseError:
                # Not acknowledged: it may be there or not. A caller would try again.
                stage.journal.write("unknown", note=str(number))
                connections[ALIAS].close()
                over.wait(0.05)
            else:
                stage.journal.write("acked", result.id)
    finally:
        connections[ALIAS].close()
