"""Health: pure judgements over live numbers, and stores that do not answer."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq import questions
from django_taskq.control import store_of
from django_taskq.health import SILENT, Health, examine, find_faults, judge
from django_taskq.jobs.insights import Insights, LaneCount
from django_taskq.jobs.workers import WorkerInfo, WorkerRecord
from django_taskq.questions import MOST_OPEN, ask
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.each_database import on_each_database, with_options
from tests.running import running, wait_until_running

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def worker(**changed: Any) -> WorkerRecord:
    known: dict[str, Any] = {
        "id": "host:1:abcd",
        "name": "host:1",
        "host": "host",
        "pid": 1,
        "queues": None,
        "started_at": NOW - timedelta(hours=1),
        "beat_at": NOW - timedelta(seconds=2),
        "expires_at": NOW + timedelta(seconds=28),
        "is_alive": True,
        "running": 0,
    }
    return WorkerRecord(**(known | changed))


def ready(queue: str = "default", count: int = 1) -> LaneCount:
    return LaneCount(queue, "acme", "READY", count)


def wait_until_healthy(alias: str) -> Health:
    return wait_until(
        lambda: found if (found := examine([alias])).is_healthy else None,
        what=f"{alias!r} to be healthy",
    )


def test_an_idle_store_with_a_live_worker_is_healthy() -> None:
    found = judge("default", Insights(now=NOW, workers=(worker(),)))
    assert found.is_healthy
    assert (found.workers, found.ready, found.oldest_ready_age) == (1, 0, None)


def test_where_nobody_can_tell_who_works_that_is_said() -> None:
    found = judge("default", Insights(now=NOW, is_complete=False))
    assert found.reasons == (SILENT,)


def test_a_store_without_any_worker_is_not_healthy() -> None:
    found = judge("default", Insights(now=NOW))
    assert not found.is_healthy
    assert found.reasons[0].startswith("No worker is alive: none has ever reported")


def test_a_dead_worker_is_named_with_the_length_of_its_silence() -> None:
    dead = worker(is_alive=False, beat_at=NOW - timedelta(seconds=95))
    found = judge("default", Insights(now=NOW, workers=(dead,)))
    (reason,) = found.reasons
    assert "host:1:abcd" in reason
    assert "95 s" in reason


def test_one_live_worker_among_dead_ones_is_enough() -> None:
    dead = worker(id="dead", is_alive=False)
    assert judge("default", Insights(now=NOW, workers=(dead, worker()))).is_healthy


@pytest.mark.parametrize(("age", "is_healthy"), [(299, True), (300, True), (301, False)])
def test_a_ready_job_may_wait_as_long_as_max_age(age: int, is_healthy: bool) -> None:
    insights = Insights(
        now=NOW,
        workers=(worker(),),
        lanes=(ready(),),
        oldest_ready_at=NOW - timedelta(seconds=age),
    )
    found = judge("default", insights)
    assert found.is_healthy is is_healthy
    assert found.oldest_ready_age == timedelta(seconds=age)
    assert judge("default", insights, max_age=1000).is_healthy


@pytest.mark.parametrize(("stall", "is_healthy"), [(0, True), (60, True), (61, False)])
def test_the_loop_of_a_live_worker_may_stand_still_for_max_stall(
    stall: int, is_healthy: bool
) -> None:
    beat_at = NOW - timedelta(seconds=9)
    alive = worker(beat_at=beat_at, progress_at=beat_at - timedelta(seconds=stall))
    insights = Insights(now=NOW, workers=(alive,))
    found = judge("default", insights)
    assert found.is_healthy is is_healthy
    assert (found.workers, found.stalled) == (1, not is_healthy)
    assert judge("default", insights, max_stall=1000).is_healthy


def test_one_stalled_worker_among_others_is_a_reason_and_is_named() -> None:
    stalled = worker(id="mailer:7:ab", pid=7, host="box", progress_at=NOW - timedelta(seconds=92))
    others = (worker(progress_at=NOW - timedelta(seconds=2)), worker(id="older"))
    (reason,) = judge("default", Insights(now=NOW, workers=(*others, stalled))).reasons
    assert reason == (
        "Worker mailer:7:ab (process 7 on box) is alive, but its claim loop has not advanced for "
        "90 s, more than 60 s: its database does not answer it, or a job blocks its process."
    )


def test_how_long_ago_the_last_heartbeat_was_is_no_stall() -> None:
    beat_at = NOW - timedelta(seconds=200)
    patient = worker(beat_at=beat_at, progress_at=beat_at, expires_at=NOW + timedelta(seconds=400))
    assert judge("default", Insights(now=NOW, workers=(patient,))).is_healthy


def test_a_dead_worker_is_not_called_stalled() -> None:
    dead = worker(id="dead", is_alive=False, progress_at=NOW - timedelta(hours=1))
    found = judge("default", Insights(now=NOW, workers=(dead, worker())))
    assert (found.is_healthy, found.stalled) == (True, 0)


def test_of_one_host_only_its_own_workers_are_judged() -> None:
    stalled = worker(id="w2", host="two", progress_at=NOW - timedelta(seconds=92))
    dead = worker(id="w3", host="three", is_alive=False, beat_at=NOW - timedelta(seconds=95))
    insights = Insights(
        now=NOW,
        workers=(worker(host="one", queues=("a",)), stalled, dead),
        lanes=(ready("b"),),
        oldest_ready_at=NOW - timedelta(hours=1),
    )
    assert judge("default", insights, host="one").is_healthy
    (reason,) = judge("default", insights, host="two").reasons
    assert "w2" in reason
    assert "has not advanced" in reason
    (reason,) = judge("default", insights, host="three").reasons
    assert reason == (
        "No worker is alive on the host 'three': w3, the last one heard of, is silent for 95 s."
    )
    (reason,) = judge("default", insights, host="four").reasons
    assert reason.startswith("No worker is alive on the host 'four': none has ever reported")


def test_ready_jobs_in_a_queue_that_no_live_worker_takes_are_reported() -> None:
    lanes = (ready("emails", 3), ready("default", 1))
    insights = Insights(now=NOW, workers=(worker(queues=("default",)),), lanes=lanes)
    (reason,) = judge("default", insights).reasons
    assert reason == "No live worker takes the queue 'emails'; jobs ready there: 3."


def test_a_worker_of_all_queues_takes_every_queue() -> None:
    workers = (worker(queues=("default",)), worker(id="all", queues=None))
    assert judge("d", Insights(now=NOW, workers=workers, lanes=(ready("emails"),))).is_healthy


def test_jobs_that_are_not_due_yet_need_no_worker_of_their_queue() -> None:
    later = LaneCount("emails", "acme", "SCHEDULED", 3)
    insights = Insights(now=NOW, workers=(worker(queues=("default",)),), lanes=(later,))
    assert judge("default", insights).is_healthy


@on_each_database
def test_examine_asks_every_alias(alias: str) -> None:
    assert not examine([alias]).is_healthy
    with running(alias):
        found = wait_until_healthy(alias)
    assert [backend.alias for backend in found.backends] == [alias]
    assert found.reasons == ()


@on_each_database
def test_examine_sees_jobs_that_run_and_jobs_that_wait(alias: str) -> None:
    gate = f"health of {alias}"
    result = tasks.hold.using(backend=alias).enqueue(gate)
    assert examine([alias]).backends[0].ready == 1
    with running(alias):
        wait_until_running(result, gate)
        backend = examine([alias]).backends[0]
        assert (backend.ready, backend.running, backend.is_healthy) == (0, 1, True)
        gates.open_gate(gate)


@on_each_database
def test_a_store_that_hangs_is_reported_in_time_and_others_are_asked_all_the_same(
    alias: str,
) -> None:
    held = threading.Event()

    def question(store: Any) -> str:
        if store.alias == alias:
            held.wait(20)
        return str(store.alias)

    answers = ask([alias, "threads"], question, 0.2)
    held.set()
    assert str(answers[alias]) == "The store has not answered within 0.2 s."
    assert answers["threads"] == "threads"


def test_a_store_that_never_answers_is_not_asked_for_ever() -> None:
    held = threading.Event()

    def question(store: Any) -> None:
        held.wait(20)

    before = threading.active_count()
    for _ in range(MOST_OPEN + 5):
        ask(["threads"], question, 0.001)
    (answer,) = ask(["threads"], question, 0.001).values()
    assert str(answer) == "The store has left 10 questions without an answer."
    assert threading.active_count() - before <= MOST_OPEN
    held.set()
    wait_until(
        lambda: ask(["threads"], lambda store: store.alias, 1.0) == {"threads": "threads"},
        what="the store to be asked again",
    )


def test_a_store_that_raises_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(alias: str) -> Any:
        raise ConnectionError("refused")

    monkeypatch.setattr(questions, "store_of", broken)
    found = examine(["default"])
    assert found.reasons == ("default: The store cannot be asked: ConnectionError: refused",)


@on_each_database
def test_a_sound_store_has_no_faults(alias: str) -> None:
    assert find_faults([alias]) == {alias: ()}


@on_each_database
def test_a_worker_with_another_lease_than_the_settings_is_a_fault(alias: str) -> None:
    store_of(alias).join(WorkerInfo("host:1:abcd", "host:1", "host", 1))
    assert find_faults([alias]) == {alias: ()}
    with with_options(alias, LEASE=120):
        (fault,) = find_faults([alias])[alias]
    assert fault == (
        "Worker host:1:abcd holds its jobs for 30 s, while LEASE is 120 s: restart it."
    )
