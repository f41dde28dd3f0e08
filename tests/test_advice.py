"""Advice: each sentence from data alone, with the way out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq.advice import Advice, Situation, Subject, advice_on
from django_taskq.jobs.counts import ENDINGS, Counts, Ending, place_of
from django_taskq.jobs.glance import Bounded, Glance, QueueCount
from django_taskq.jobs.hindrance import LateLock, OldTransaction
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.punctuality import Punctuality

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def worker(**changed: Any) -> WorkerRecord:
    known: dict[str, Any] = {
        "id": "box:7:ab", "name": "box:7", "host": "box", "pid": 7, "queues": None,
        "started_at": NOW - timedelta(hours=1), "beat_at": NOW, "running": 0,
        "expires_at": NOW + timedelta(seconds=30), "is_alive": True,
    }  # fmt: skip
    return WorkerRecord(**(known | changed))


def situation(
    *workers: WorkerRecord, ready: dict[str, int] | None = None, age: float = 1.0, **more: Any
) -> Situation:
    """Return a sound situation but for what is given."""
    ready = ready or {}
    glance = Glance(
        NOW,
        tuple(QueueCount(queue, "READY", Bounded(count)) for queue, count in ready.items()),
        workers,
        {queue: NOW - timedelta(seconds=age) for queue in ready},
    )
    known: dict[str, Any] = {"alias": "default", "glance": glance, "counts": Counts("")}
    return Situation(**(known | more))


def test_a_silent_redis_is_told_instead_of_missing_workers() -> None:
    found = situation(ready={"mail": 3})
    silent = replace(found, glance=replace(found.glance, is_complete=False))
    assert told(silent).startswith("Redis does not answer for the backend “default”.")


def told(found: Situation) -> str:
    """Return the one sentence that there is to say."""
    (advice,) = advice_on(found)
    return advice.text


def counts(ending: Ending, number: int, leases_lost: int = 0) -> Counts:
    endings = [0] * len(ENDINGS)
    endings[place_of(ending)] = number
    return Counts("", tuple(endings), leases_lost=leases_lost)


def test_there_is_nothing_to_say_of_what_is_well() -> None:
    assert advice_on(situation()) == []
    well = Punctuality({"fired": 9, "skipped": 1}, 0.4, 1.0)
    assert advice_on(situation(worker(), ready={"mail": 3}, punctuality=well)) == []


def test_work_without_any_worker() -> None:
    assert told(situation(ready={"mail": 3, "sms": 1})) == (
        "No worker is alive; jobs ready: 4. Start one: manage.py runworker --backend default"
    )
    assert told(situation(ready={"mail": 3}, is_pool=True)) == (
        "No worker is alive; jobs ready: 3. "
        "The pool starts one with the next job that this process enqueues."
    )


def test_a_queue_that_no_worker_takes() -> None:
    assert told(situation(worker(queues=("sms",)), ready={"mail": 3, "sms": 1})) == (
        "No live worker takes the queue “mail”; jobs ready there: 3. "
        "Start one without --queues, or with mail among them."
    )


def test_a_number_that_was_not_counted_to_its_end() -> None:
    glance = Glance(NOW, (QueueCount("mail", "READY", Bounded(10_000, True)),))
    assert "jobs ready: more than 10000." in told(
        Situation(alias="default", glance=glance, counts=Counts(""))
    )


def test_a_claim_loop_that_stands_still() -> None:
    stalled = worker(progress_at=NOW - timedelta(seconds=150))
    assert told(situation(stalled)) == (
        "The claim loop of worker box:7:ab (process 7 on box) has stood still for 2.5 min, though "
        "its process lives: its database does not answer, or a job blocks its process. See what "
        "it runs, and restart it if it stays so."
    )
    assert advice_on(situation(stalled, max_stall=200)) == []


def test_a_backlog_that_is_too_old() -> None:
    assert told(situation(worker(), ready={"mail": 3}, age=720)) == (
        "The oldest ready job in the queue “mail” has waited for 12 min, longer than 5 min. "
        "Add workers or threads, or see by its page why it is not running."
    )
    assert advice_on(situation(worker(), ready={"mail": 3}, age=720, max_age=1000)) == []
    assert told(situation(worker(), ready={"": 3}, age=720)).startswith(
        "The oldest ready job has waited for 12 min"
    )


def test_a_paused_queue_and_paused_tenants_with_work() -> None:
    found = situation(worker(), ready={"mail": 3}, age=720, paused_queues=("mail", "empty"))
    assert told(found) == (
        "The queue “mail” is paused; jobs ready there: 3. Let it go on: manage.py queue resume mail"
    )
    tenants = tuple(f"t{number}" for number in range(7))
    assert told(situation(worker(), paused_tenants=tenants)) == (
        "Jobs are ready of tenants that are paused: t0, t1, t2, t3, t4 and others. "
        "Let one go on: manage.py tenant resume t0"
    )


@pytest.mark.parametrize(
    ("punctuality", "sentence"),
    [
        (
            Punctuality({}, 0.0, 300.0),
            "A schedule has been due for 5 min and nobody has fired it: no scheduler runs.",
        ),
        (Punctuality({"missed": 1}, 0.0, 0.0), "1 tick of a schedule was missed lately"),
        (Punctuality({"missed": 2}, 0.0, 0.0), "2 ticks of schedules were missed lately"),
    ],
)
def test_schedules_that_miss_their_time(punctuality: Punctuality, sentence: str) -> None:
    text = told(situation(worker(), punctuality=punctuality))
    assert text.startswith(sentence)
    assert "manage.py runworker --scheduler-only" in text or "a backfill makes up for" in text


def test_workers_that_were_lost() -> None:
    lost = [worker(id=f"w{n}", is_alive=False, beat_at=NOW - timedelta(hours=n)) for n in (2, 1)]
    assert told(situation(worker(), lost[0])).startswith(
        "1 worker fell silent within the last day: w2 on box."
    )
    assert told(situation(worker(), *lost)).startswith(
        "2 workers fell silent within the last day, at last w1 on box."
    )


def test_results_that_were_refused_and_leases_that_were_lost() -> None:
    late, leases = advice_on(situation(worker(), counts=counts(Ending.LATE, 2, 1), back=86_400.0))
    assert late.text.startswith("2 results were refused in the last 24 h: their jobs had gone on")
    assert "longer LEASE" in late.text
    assert leases.text.startswith("The jobs of 1 worker were taken back in the last 24 h")
    assert {late.subject, leases.subject} == {Subject.LATE}


def test_numbers_that_never_came() -> None:
    glance = Glance(NOW, (QueueCount("mail", "RUNNING", Bounded(1)),), (worker(),))
    found = Situation(alias="default", glance=glance, counts=None)
    assert told(found).startswith("No worker has ever written down what it counted")
    young = worker(started_at=NOW - timedelta(seconds=20))
    assert advice_on(Situation(alias="d", glance=Glance(NOW, glance.counts, (young,)))) == []
    assert advice_on(situation(worker(), counts=None)) == []


def test_a_transaction_that_holds_vacuum_back() -> None:
    old = OldTransaction("default", 4711, "psql", "idle in transaction", 7500.0)
    assert told(situation(hindrances=(old,))) == (
        "A transaction in the database “default” has been open for 2.08 h (process 4711, "
        "application “psql”, idle in transaction): vacuum removes no dead rows meanwhile, and "
        "claims get slower. End it, or by SQL: SELECT pg_terminate_backend(4711); and set "
        "idle_in_transaction_session_timeout."
    )
    nameless = old._replace(application="", state="")
    assert "application “without a name”, of an unknown state" in told(
        situation(hindrances=(nameless,))
    )


def test_sqlite_without_immediate() -> None:
    (advice,) = advice_on(situation(hindrances=(LateLock("jobs"),)))
    assert advice == Advice(
        Subject.DATABASE,
        "Transactions in the SQLite database “jobs” start without the write lock: under load they "
        "fail with “database is locked”. Set OPTIONS = {'transaction_mode': 'IMMEDIATE', "
        "'timeout': 30} for it.",
    )
