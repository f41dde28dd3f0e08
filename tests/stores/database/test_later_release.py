"""Rows as a later release may write them: this one works what it can, and shows the rest."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq.control import get_job, store_of
from django_taskq.jobs.change import Change
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.states import State
from django_taskq.models import Attempt, Job, Worker
from django_taskq.results import result_of
from django_taskq.stores.base import Store
from tests.app import tasks
from tests.each_database import on_each_database, with_options
from tests.management.calls import call
from tests.running import run_due
from tests.stores.jobs import (
    WORKER,
    claim,
    claim_one,
    finish,
    insert,
    insert_many,
    join,
    lose,
    record,
    retry,
    success,
)

STATE = "HIBERNATING"
ODD: dict[str, Any] = {
    # An option that no middleware here has makes its job wait for a worker that has it.
    "options": '{"backoff":"exponential"}',
    "metadata": '{"_later":{"deep":[1]},"mine":1}',
    "trace": '{"later":{"not":"text"}}',
    "ctx": '{"_later":[1],"_unloadable_since":{"another":"shape"}}',
    "gate": "tests.app.tasks.echo max_running=9 colour=red",
    "progress": "[1,2]",
    "trigger_rule": "most_of_them",
    "node": "n",
    "blocked_for": "later",
}


def change(store: Store, id: str, **columns: Any) -> None:
    """Write into the row of a job what no verb of this release does."""
    database = store.options.database or "default"
    assert Job.objects.using(database).filter(public_id=id).update(**columns) == 1


@pytest.fixture
def store(alias: str) -> Store:
    return store_of(alias)


@on_each_database
def test_a_job_with_what_nobody_here_knows_is_run(alias: str, store: Store) -> None:
    id = tasks.echo.using(backend=alias, metadata={"mine": 1}).enqueue("a").id
    change(store, id, **ODD)
    run_due(alias)

    job = get_job(id, alias)
    assert (job.state, job.result, job.reason) == (State.SUCCESSFUL, '"a"', None)
    # What others have written into it is still there.
    assert json.loads(job.metadata_json or "{}") == json.loads(ODD["metadata"])
    assert result_of(job).return_value == "a"


@on_each_database
def test_a_job_in_an_unknown_state_is_shown_and_left_alone(alias: str, store: Store) -> None:
    asleep, plain = insert_many(store, 2)
    change(store, asleep, state=STATE, failure="moonlight", reason="Full moon.")

    assert [item.id for item in claim(store, 5)] == [plain]
    job = record(store, asleep)
    assert (job.state, job.failure, job.reason) == (STATE, "moonlight", "Full moon.")
    assert result_of(job).status == "READY"
    assert [found.id for found in store.find(JobFilter(state=STATE))] == [asleep]
    assert store.insights().depth(State.READY) == 0
    for verb in (store.cancel, store.retry, store.run_now):
        assert verb([asleep]) == [Change(asleep, STATE, STATE)]
    assert store.delete([asleep]) == 0
    assert len(store.requeue([asleep])) == 1
    store.promote(10)
    store.reap()
    assert record(store, asleep).state == STATE


@on_each_database
def test_a_job_that_ended_in_an_unknown_state_is_kept_by_a_prune(alias: str, store: Store) -> None:
    asleep, ended = insert_many(store, 2)
    finish(store, *[success(item) for item in claim(store, 2)])
    long_ago = datetime.now(UTC) - timedelta(days=1000)
    change(store, asleep, state=STATE, finished_at=long_ago)
    change(store, ended, finished_at=long_ago)
    store.prune(10)

    assert [job.id for job in store.get([asleep, ended])] == [asleep]
    assert result_of(record(store, asleep)).status == "FAILED"


@on_each_database
def test_an_attempt_of_an_unknown_kind_is_read_and_pruned(alias: str, store: Store) -> None:
    id = insert(store)
    finish(store, retry(claim_one(store), delay=600.0))
    database = store.options.database or "default"
    attempts = Attempt.objects.using(database).filter(job__public_id=id)
    attempts.update(verdict="SHRUGGED", failure="moonlight", exception_class="a.b.C", log="\x1b[0m")
    assert [error.exception_class_path for error in record(store, id).errors] == ["a.b.C"]
    assert "a.b.C" in call("job", "show", id, "--backend", alias).out

    change(store, id, state=State.FAILED, failure="moonlight", due_at=None,
           finished_at=datetime.now(UTC) - timedelta(days=1000))  # fmt: skip
    assert store.prune(10) == 1
    assert not attempts.exists()


@on_each_database
def test_a_job_that_stands_apart_for_an_unknown_reason_is_nobodys(alias: str, store: Store) -> None:
    id = insert(store)
    change(store, id, is_parked=True, parked_for="moonlight")

    assert claim(store, 5) == []
    assert claim(store, 5, suspects=True) == []
    assert not store.has_suspects()
    assert record(store, id).parked_for == "moonlight"
    assert store.cancel([id]) == [Change(id, State.READY, State.CANCELED)]


@on_each_database
def test_a_lost_worker_of_a_later_release_leaves_its_jobs_to_us(alias: str, store: Store) -> None:
    with with_options(alias, LEASE=1):
        id = insert(store)
        join(store)
        claimed = claim_one(store)
        change(store, id, **(ODD | {"gate": ""}))
        database = store.options.database or "default"
        Worker.objects.using(database).filter(pk=WORKER).update(
            tenants='{"later":1}', queues='["a"]'
        )
        assert store.insights().workers[0].id == WORKER
        assert lose(store, claimed) == [State.READY]
        assert record(store, id).attempt == 1


@on_each_database
def test_commands_show_jobs_that_nobody_here_knows(alias: str, store: Store) -> None:
    id = insert(store)
    change(store, id, **ODD, state=STATE, failure="moonlight", is_parked=True, parked_for="moon")
    assert STATE in call("job", "list", "--backend", alias).out
    assert "moonlight" in call("job", "show", id, "--backend", alias).out
    assert call("job", "show", id, "--backend", alias, "--format", "json").json
    assert call("taskq", "stats", "--backend", alias).status == 0
    assert call("queue", "list", "--backend", alias).status == 0


@on_each_database
def test_a_failure_nobody_here_knows_is_retried_as_any_other(alias: str, store: Store) -> None:
    id = tasks.echo.using(backend=alias).enqueue("again").id
    change(store, id, state=State.FAILED, failure="moonlight", finished_at=datetime.now(UTC))
    assert result_of(record(store, id)).status == "FAILED"
    store.retry([id])
    run_due(alias)
    job = record(store, id)
    assert (job.state, job.failure) == (State.SUCCESSFUL, None)
