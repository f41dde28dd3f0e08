"""Who is told of jobs that are canceled for what they waited for, and when."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.tasks import TaskResult, task_backends
from django.tasks.signals import task_finished

from django_taskq import cancel, get_job, wait
from django_taskq.control import database_of, delete_many, store_of
from django_taskq.jobs.states import State
from django_taskq.signals import job_canceled
from django_taskq.worker.upkeep import Upkeep
from tests.aliases import ON_BOTH, alias_fixture, every_durable
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.running import run_due, running, wait_until_running

alias = alias_fixture(ON_BOTH)

type Heard = list[tuple[type, str, float | None]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    told: Heard = []

    def hear(sender: type, task_result: TaskResult, duration: float | None, **kwargs: Any) -> None:
        told.append((sender, task_result.id, duration))

    job_canceled.connect(hear)
    yield told
    job_canceled.disconnect(hear)


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


def echo(alias: str, *upstreams: TaskResult, **options: Any) -> TaskResult:
    """Enqueue a job that waits for others, or for its time."""
    if upstreams:
        options["depends_on"] = list(upstreams)
    else:
        options["run_after"] = timedelta(hours=1)
    result: TaskResult = tasks.echo.using(backend=alias, **options).enqueue(1)
    return result


def test_a_cancel_tells_of_all_that_fall_with_it(alias: str, heard: Heard) -> None:
    first = echo(alias)
    child = echo(alias, first)
    last = echo(alias, child)
    skipped = echo(alias, first, trigger_rule="one_success")
    assert cancel(first) is True
    assert get_job(skipped).state == State.SKIPPED
    assert heard[0] == (type(task_backends[alias]), first.id, None)
    assert sorted(heard[1:]) == sorted((heard[0][0], each.id, None) for each in (child, last))
    assert cancel(last) is False
    assert len(heard) == 3


def test_a_job_that_falls_as_it_is_enqueued_is_told_of(alias: str, heard: Heard) -> None:
    first = echo(alias)
    cancel(first)
    child = echo(alias, first)
    assert [id for _, id, _ in heard] == [first.id, child.id]


def test_a_cancel_of_what_runs_tells_of_what_falls_at_its_end(
    alias: str, gate: str, heard: Heard
) -> None:
    finished: list[str] = []

    def hear(task_result: TaskResult, **kwargs: Any) -> None:
        finished.append(task_result.id)

    task_finished.connect(hear)
    with running(alias):
        again = tasks.change_metadata.using(backend=alias, max_tries=5, backoff=0)
        first = again.enqueue({}, fail_on=1, gate=gate)
        wait_until_running(first, gate)
        child = echo(alias, first)
        cancel(first)
        assert heard == []
        gates.open_gate(gate)
        wait(first, timeout=30)
        wait_until(lambda: len(heard) == 2 and finished, what="both to be told of")
    task_finished.disconnect(hear)
    # The worker's upkeep may be the first to tell.
    assert {id: duration is None for _, id, duration in heard} == {first.id: False, child.id: True}
    assert finished == [first.id]


def test_a_deletion_tells_of_what_falls_with_it(alias: str, heard: Heard) -> None:
    first = tasks.fail.using(backend=alias).enqueue()
    child = echo(alias, first)
    run_due(alias)
    assert delete_many([first.id], alias) == 1
    assert [id for _, id, _ in heard] == [child.id]


@every_durable
def test_a_transaction_tells_once_it_is_committed(durable: str, heard: Heard) -> None:
    alias = durable
    first = echo(alias)
    child = echo(alias, first)
    with transaction.atomic(using=database_of(alias)):
        cancel(first)
        transaction.set_rollback(True, using=database_of(alias))
    assert store_of(alias).falls.take() == []
    del heard[:]
    with transaction.atomic(using=database_of(alias)):
        cancel(first)
        assert child.id not in [id for _, id, _ in heard]
    assert [id for _, id, _ in heard] == [first.id, child.id]


def test_upkeep_tells_of_what_nobody_has(alias: str, heard: Heard) -> None:
    store = store_of(alias)
    first = echo(alias)
    child = echo(alias, first)
    store.cancel([first.id])
    Upkeep(store, type(task_backends[alias]), lambda: None, lambda: False).keep()
    assert [id for _, id, _ in heard] == [child.id]
