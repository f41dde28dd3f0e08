"""A time limit ends an attempt, whatever its function does, and gives its slot back."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.tasks import TaskResultStatus
from django.test import override_settings

from django_taskq import get_job, task, wait
from django_taskq.exceptions import InvalidTaskOption, TaskTimeout
from django_taskq.jobs.states import Failure, State
from tests.aliases import ON_BOTH, ON_REDIS, alias_fixture, with_options
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.running import POOLS, run_to_end, running, worker_for

alias = alias_fixture(ON_REDIS, ON_BOTH)


@pytest.fixture
def gate() -> Iterator[str]:
    """A gate of this test alone, open after it."""
    name = uuid4().hex
    yield name
    gates.open_gate(name)


# What a busy machine may need on top.
SLACK = 5.0


@task(timeout=0.3)
def hang(gate: str) -> str:
    """Wait at a gate for longer than the task may."""
    gates.pass_gate(gate)
    return "late"


@task(timeout=0.3)
async def ahang(gate: str) -> str:
    """Wait on the event loop for longer than the task may, and tell of the end."""
    try:
        await asyncio.Event().wait()
    finally:
        gates.reach(gate)
    return "late"


@task(timeout=0.3)
async def aswallow(gate: str) -> str:
    """Take no notice of the end of its time, until the gate is open."""
    gates.reach(gate)
    while not gates.is_open(gate):
        with suppress(asyncio.CancelledError):
            await asyncio.to_thread(threading.Event().wait, 0.01)
    return "late"


@task(timeout=0.3)
async def ablock(gate: str) -> str:
    """Keep the event loop from all else, until the gate is open."""
    gates.pass_gate(gate)
    return "late"


@task(max_tries=2, backoff=0, timeout=0.3)
def hang_at_first(gate: str) -> str:
    """Hang in the first try, not in the next."""
    if gates.is_reached(gate):
        return "done"
    gates.pass_gate(gate)
    return "late"


@task(timeout=60)
def raise_timeout() -> None:
    """Raise what a library raises when its own time is over."""
    raise TimeoutError("a server did not answer")


@task(timeout=60)
async def araise_timeout() -> None:
    """Raise what a library raises when its own time is over."""
    raise TimeoutError("a server did not answer")


@pytest.mark.parametrize("limited", [hang, ahang], ids=["sync", "async"])
def test_an_attempt_that_takes_too_long_fails_soon_after_its_limit(
    alias: str, gate: str, limited: Any
) -> None:
    with running(alias):
        began = monotonic()
        result = wait(limited.using(backend=alias).enqueue(gate), timeout=20)
        took = monotonic() - began
    assert result.status is TaskResultStatus.FAILED
    assert [error.exception_class for error in result.errors] == [TaskTimeout]
    assert "longer than its timeout of 0.3 s" in result.errors[0].traceback
    assert get_job(result).failure == Failure.TIMEOUT
    assert took < 0.3 + 1.0 + SLACK
    gates.open_gate(gate)


def test_an_async_job_is_canceled_where_it_waits(alias: str, gate: str) -> None:
    with running(alias):
        wait(ahang.using(backend=alias).enqueue(gate), timeout=20)
        assert gates.is_reached(gate)


def test_an_async_job_that_swallows_its_end_fails_all_the_same_and_gives_its_slot_back(
    alias: str, gate: str
) -> None:
    with running(alias, async_concurrency=1):
        result = wait(aswallow.using(backend=alias).enqueue(gate), timeout=30)
        assert get_job(result).failure == Failure.TIMEOUT
        behind = tasks.aecho.using(backend=alias).enqueue(1)
        assert wait(behind, timeout=30).return_value == 1
        # Where nothing else runs, the worker ends beside it.
    gates.open_gate(gate)
    assert get_job(result).state == State.FAILED


@pytest.mark.parametrize("pool", POOLS)
def test_an_async_job_that_blocks_the_event_loop_of_a_pool_fails_all_the_same(
    pool: str, gate: str
) -> None:
    result = wait(ablock.using(backend=pool).enqueue(gate), timeout=15)
    assert get_job(result).failure == Failure.TIMEOUT
    gates.open_gate(gate)
    assert wait(tasks.aecho.using(backend=pool).enqueue(1), timeout=30).return_value == 1
    assert get_job(result).state == State.FAILED


def test_a_worker_with_as_many_given_up_threads_as_slots_is_worn_out(gate: str) -> None:
    with override_settings(TASKS=settings.TASKS):
        backend = "threads"
        worker = worker_for(backend, threads=2, poll_interval=0.1)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        hanging = [hang.using(backend=backend).enqueue(gate) for _ in range(12)]
        for result in hanging:
            assert wait(result, timeout=30).status is TaskResultStatus.FAILED
        wait_until(lambda: worker.is_worn_out, timeout=30, what="the worker to be worn out")
        gates.open_gate(gate)
        wait_until(lambda: not worker.is_worn_out, timeout=30, what="its threads to come back")
        worker.stop()
        thread.join(30)
        assert not thread.is_alive()


def test_the_slot_of_a_hanging_job_is_used_again(alias: str, gate: str) -> None:
    """Twice as many jobs hang as there are slots; those behind them run all the same."""
    with running(alias, threads=2):
        hanging = [hang.using(backend=alias).enqueue(gate) for _ in range(4)]
        behind = [tasks.echo.using(backend=alias).enqueue(n) for n in range(3)]
        for result in behind:
            assert wait(result, timeout=30).status is TaskResultStatus.SUCCESSFUL
        for result in hanging:
            assert wait(result, timeout=30).status is TaskResultStatus.FAILED
    gates.open_gate(gate)


def test_a_timeout_is_a_failed_try(alias: str, gate: str) -> None:
    with running(alias):
        result = wait(hang_at_first.using(backend=alias).enqueue(gate), timeout=20)
    gates.open_gate(gate)
    assert result.return_value == "done"
    assert result.attempts == 2
    assert [error.exception_class for error in result.errors] == [TaskTimeout]


def test_what_a_job_returns_after_its_limit_is_dropped(alias: str, gate: str) -> None:
    with running(alias):
        result = wait(hang.using(backend=alias).enqueue(gate), timeout=20)
        gates.open_gate(gate)
        after = wait(tasks.echo.using(backend=alias).enqueue(1), timeout=20)
    assert after.status is TaskResultStatus.SUCCESSFUL
    job = get_job(result)
    assert (job.state, job.attempt) == (State.FAILED, 1)


def test_a_job_within_its_limit_is_left_alone(alias: str) -> None:
    result = run_to_end(alias, tasks.echo.using(backend=alias, timeout=30).enqueue(5))
    assert result.return_value == 5


@pytest.mark.parametrize("raising", [raise_timeout, araise_timeout], ids=["sync", "async"])
def test_a_timeout_of_the_jobs_own_is_an_error_like_any_other(alias: str, raising: Any) -> None:
    result = run_to_end(alias, raising.using(backend=alias).enqueue())
    assert result.errors[0].exception_class is TimeoutError
    assert get_job(result).failure == Failure.ERROR


def test_the_backends_timeout_is_for_tasks_that_say_nothing(alias: str, gate: str) -> None:
    with with_options(alias, TIMEOUT=timedelta(seconds=0.3)), running(alias):
        result = wait(tasks.hold.using(backend=alias).enqueue(gate), timeout=20)
        own = wait(tasks.echo.using(backend=alias, timeout=60).enqueue(1), timeout=20)
        assert get_job(result).failure == Failure.TIMEOUT
    assert own.status is TaskResultStatus.SUCCESSFUL


def test_a_limit_given_at_enqueue_travels_with_the_job(alias: str, gate: str) -> None:
    limit = timedelta(seconds=0.3)
    with running(alias):
        result = tasks.hold.using(backend=alias, timeout=limit).enqueue(gate)
        wait(result, timeout=20)
    gates.open_gate(gate)
    assert get_job(result).failure == Failure.TIMEOUT


@pytest.mark.parametrize("value", [0, -1, "soon", True, float("nan"), timedelta(0), 1e9])
def test_what_is_no_duration_is_refused(alias: str, value: Any) -> None:
    with pytest.raises(InvalidTaskOption, match="timeout: expected seconds"):
        tasks.echo.using(backend=alias, timeout=value).enqueue(1)
