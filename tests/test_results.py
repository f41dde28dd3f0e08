"""Results: waiting for a job's end, and how our states read in Django's words."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.tasks import TaskResultStatus
from django.tasks.exceptions import TaskResultDoesNotExist
from django.utils import timezone

from django_taskq import JobCanceled, WaitTimeout, await_result, cancel, wait
from django_taskq.control import database_of, delete_many
from django_taskq.jobs.states import State
from django_taskq.results import status_of
from django_taskq.stores.database import wakeups
from tests.aliases import ON_BOTH, ON_REDIS, alias_fixture, every_durable, with_options
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.running import run_due, running, wait_until_running
from tests.stores.jobs import Thread

alias = alias_fixture(ON_REDIS, ON_BOTH)


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


def test_wait_returns_the_same_result_with_its_end(alias: str, gate: str) -> None:
    with running(alias):
        result = tasks.hold.using(backend=alias).enqueue(gate, "held")
        wait_until_running(result, gate)
        threading.Timer(0.05, gates.open_gate, [gate]).start()
        assert wait(result, timeout=10) is result
        assert result.return_value == "held"


def test_wait_returns_for_a_job_that_failed(alias: str) -> None:
    with running(alias):
        result = wait(tasks.fail.using(backend=alias).enqueue(), timeout=10)
    assert result.status is TaskResultStatus.FAILED


def test_wait_returns_at_once_for_a_job_that_has_ended(alias: str) -> None:
    result = tasks.echo.using(backend=alias).enqueue(1)
    run_due(alias)
    assert wait(result, timeout=0).return_value == 1
    assert wait(result).return_value == 1


@pytest.mark.parametrize("timeout", [0, 0.05])
def test_wait_gives_up_in_time(alias: str, timeout: float) -> None:
    result = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    before = timezone.now()
    with pytest.raises(WaitTimeout, match=result.id):
        wait(result, timeout=timeout)
    assert timezone.now() - before < timedelta(seconds=3)
    assert issubclass(WaitTimeout, TimeoutError)
    assert result.status is TaskResultStatus.READY


def test_await_result_leaves_the_event_loop_free(alias: str, gate: str) -> None:
    async def wait_and_open() -> object:
        waiting = asyncio.create_task(await_result(result, timeout=10))
        # Only a free event loop gets here while the other one waits.
        await asyncio.to_thread(wait_until, lambda: gates.is_reached(gate))
        assert not waiting.done()
        gates.open_gate(gate)
        return (await waiting).return_value

    # Before the event loop, so that a durable job is written in this thread.
    result = tasks.ahold.using(backend=alias).enqueue(gate, "held")
    with running(alias):
        assert asyncio.run(wait_and_open()) == "held"


def test_await_result_gives_up_in_time(alias: str) -> None:
    result = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    with pytest.raises(WaitTimeout):
        async_to_sync(await_result)(result, timeout=0.05)


def test_wait_for_a_job_that_is_gone_says_so(alias: str) -> None:
    result = tasks.echo.using(backend=alias).enqueue(1)
    run_due(alias)
    assert delete_many([result.id], alias) == 1
    with pytest.raises(TaskResultDoesNotExist):
        wait(result, timeout=0.1)


def test_wait_without_a_timeout_for_a_job_that_is_gone_says_so(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "UNSEEN_GRACE", 0.1)
    result = tasks.echo.using(backend=alias).enqueue(1)
    run_due(alias)
    assert delete_many([result.id], alias) == 1
    with pytest.raises(TaskResultDoesNotExist):
        wait(result)
    with pytest.raises(TaskResultDoesNotExist):
        async_to_sync(await_result)(result)


@every_durable
def test_wait_knows_a_job_of_an_open_transaction_once_it_is_committed(durable: str) -> None:
    database = database_of(durable)
    with with_options(durable, ENQUEUE_ON_COMMIT=database):
        with transaction.atomic(using=database):
            result = tasks.echo.using(backend=durable).enqueue(1)
            waiter = Thread(lambda: wait(result))
            with pytest.raises(TaskResultDoesNotExist):
                Thread(lambda: wait(result, timeout=0.1)).result()
            assert waiter.is_running()
        run_due(durable)

        assert waiter.result().return_value == 1


def test_wait_returns_when_the_job_is_canceled(alias: str) -> None:
    result = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    cancel(result)
    assert wait(result, timeout=5).status is TaskResultStatus.FAILED
    assert [error.exception_class for error in result.errors] == [JobCanceled]
    assert result.is_finished
    assert result.attempts == 0


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.SCHEDULED, TaskResultStatus.READY),
        (State.DEFERRED, TaskResultStatus.READY),
        (State.READY, TaskResultStatus.READY),
        (State.RUNNING, TaskResultStatus.RUNNING),
        (State.SUCCESSFUL, TaskResultStatus.SUCCESSFUL),
        (State.FAILED, TaskResultStatus.FAILED),
        (State.CANCELED, TaskResultStatus.FAILED),
        (State.SKIPPED, TaskResultStatus.FAILED),
    ],
)
def test_each_state_reads_as_one_of_djangos_statuses(
    state: State, status: TaskResultStatus
) -> None:
    assert status_of(state, None) is status


def test_a_state_of_a_later_release_reads_by_whether_the_job_has_ended() -> None:
    assert status_of("PAUSED", None) is TaskResultStatus.READY
    assert status_of("EXPIRED", timezone.now()) is TaskResultStatus.FAILED
