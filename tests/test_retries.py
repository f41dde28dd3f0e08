"""Tries: how many, how far apart, and what a task says about them itself."""

from collections.abc import Iterator
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest
from django.tasks import TaskResult, TaskResultStatus

from django_taskq import RejectError, RetryError, get_job, task, wait
from django_taskq.exceptions import ReleaseError
from django_taskq.signals import attempt_failed
from tests.aliases import ON_BOTH, ON_REDIS, alias_fixture, with_options
from tests.app import tasks
from tests.deadlines import wait_until
from tests.running import run_to_end, running

alias = alias_fixture(ON_REDIS, ON_BOTH)


def rule_of_the_task(exception: BaseException, result: TaskResult) -> float | None:
    """Wait as the exception says; stop after the third attempt."""
    return None if result.attempts == 3 else float(str(exception))


def broken_rule(exception: BaseException, result: TaskResult) -> float | None:
    """Fail while it is asked."""
    raise LookupError("no rule today")


@task(max_tries=10, backoff=rule_of_the_task)
def fail_by_rule(seconds: str) -> None:
    """Fail, with the seconds until the next try as the message."""
    raise ValueError(seconds)


@task(max_tries=10, backoff=broken_rule)
def fail_by_broken_rule() -> None:
    """Fail, under a rule that fails too."""
    raise ValueError("the first failure")


@pytest.fixture
def delays() -> Iterator[list[float]]:
    """The delay of every attempt that failed and runs again."""
    heard: list[float] = []

    def hear(delay: float, **kwargs: Any) -> None:
        heard.append(delay)

    attempt_failed.connect(hear)
    yield heard
    attempt_failed.disconnect(hear)


def heard(delays: list[float], count: int) -> list[float]:
    """Return the delays once there are so many: a worker tells of them after the write."""
    wait_until(lambda: len(delays) >= count, what=f"{count} failed attempts to be told")
    return delays


def names(result: TaskResult) -> list[str]:
    return [error.exception_class.__name__ for error in result.errors]


# How many.


def test_without_max_tries_the_first_exception_ends_the_job(alias: str) -> None:
    result = run_to_end(alias, tasks.succeed_on.using(backend=alias, backoff=0).enqueue(2))
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 1)


@pytest.mark.parametrize("max_tries", [1, 3])
def test_max_tries_counts_the_first_try_too(alias: str, max_tries: int) -> None:
    task = tasks.fail.using(backend=alias, max_tries=max_tries, backoff=0)
    result = run_to_end(alias, task.enqueue())
    assert result.status is TaskResultStatus.FAILED
    assert result.attempts == len(result.worker_ids) == len(result.errors) == max_tries
    assert get_job(result).tries == max_tries


def test_the_option_of_the_backend_stands_in_for_the_task(alias: str) -> None:
    with with_options(alias, MAX_TRIES=2, BACKOFF=0):
        plain = run_to_end(alias, tasks.fail.using(backend=alias).enqueue())
        own = run_to_end(alias, tasks.fail.using(backend=alias, max_tries=1).enqueue())
    assert (plain.attempts, own.attempts) == (2, 1)


@pytest.mark.parametrize("name", ["succeed_on", "asucceed_on"])
def test_tries_end_with_the_first_success(alias: str, name: str) -> None:
    task = getattr(tasks, name).using(backend=alias, max_tries=9, backoff=0)
    result = run_to_end(alias, task.enqueue(3))
    assert result.return_value == 3
    assert names(result) == ["ValueError"] * 2
    assert result.attempts == 3


def test_system_exit_is_a_failed_try_like_any_other(alias: str) -> None:
    task = tasks.succeed_on.using(backend=alias, max_tries=2, backoff=0)
    result = run_to_end(alias, task.enqueue(2, "SystemExit"))
    assert result.return_value == 2
    assert names(result) == ["SystemExit"]


# How far apart.


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [
        ("exponential", 0.8, 1.2),
        ("linear", 0.8, 1.2),
        (10, 8, 12),
        ([100, 1], 80, 120),
    ],
)
def test_a_rule_tells_how_long_the_job_waits(
    alias: str, delays: list[float], rule: Any, least: float, most: float
) -> None:
    task = tasks.fail.using(backend=alias, max_tries=2, backoff=rule)
    result = run_to_end(alias, task.enqueue())
    [delay] = heard(delays, 1)
    assert least <= delay <= most
    job = get_job(result)
    assert job.state == "SCHEDULED"
    assert job.due_at is not None
    waits = job.due_at - result.last_attempted_at
    assert timedelta(seconds=least) <= waits <= timedelta(seconds=most + 2)


def test_a_list_gives_each_try_its_delay_and_the_last_one_repeats(
    alias: str, delays: list[float]
) -> None:
    task = tasks.fail.using(backend=alias, max_tries=5, backoff=[0, 0, 0])
    result = run_to_end(alias, task.enqueue())
    assert result.attempts == 5
    assert heard(delays, 4) == [0, 0, 0, 0]


def test_a_function_decides_by_exception_and_result(alias: str, delays: list[float]) -> None:
    result = run_to_end(alias, fail_by_rule.using(backend=alias).enqueue("0"))
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 3)
    assert heard(delays, 2) == [0, 0]
    later = run_to_end(alias, fail_by_rule.using(backend=alias).enqueue("3600"))
    assert (later.status, later.attempts) == (TaskResultStatus.READY, 1)
    assert heard(delays, 3) == [0, 0, 3600]


def test_a_function_that_fails_ends_the_job_with_a_note_of_it(alias: str) -> None:
    result = run_to_end(alias, fail_by_broken_rule.using(backend=alias).enqueue())
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 1)
    assert names(result) == ["ValueError"]
    assert "asking for its delay failed: LookupError: no rule today" in result.errors[0].traceback
    assert get_job(result).failure == "error"


@pytest.mark.parametrize("delay", [0, 0.1])
def test_a_retry_does_not_wait_longer_than_it_must(alias: str, delay: float) -> None:
    with running(alias):
        wait(tasks.nothing.using(backend=alias).enqueue(), timeout=10)
        started = perf_counter()
        result = tasks.ask_again.using(backend=alias).enqueue(3, delay)
        wait(result, timeout=10)
        seconds = perf_counter() - started
    assert result.return_value == 4
    # Three polls would take three seconds.
    assert seconds < 3 * delay + 2.9


# What a task says itself.


def test_a_task_may_ask_again_as_often_as_it_likes(alias: str) -> None:
    result = run_to_end(alias, tasks.ask_again.using(backend=alias).enqueue(6))
    assert result.return_value == 7
    assert names(result) == ["RetryError"] * 6


def test_asking_again_counts_as_a_try(alias: str) -> None:
    task = tasks.ask_again.using(backend=alias, max_tries=2)
    result = run_to_end(alias, task.enqueue(6, reason="the door is shut"))
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 2)
    assert names(result) == ["RetryError"] * 2
    assert "the door is shut" in result.errors[0].traceback


def test_asking_again_without_a_delay_follows_the_rule(alias: str, delays: list[float]) -> None:
    run_to_end(alias, tasks.ask_again.using(backend=alias, backoff=50).enqueue(1, None))
    [delay] = heard(delays, 1)
    assert 40 <= delay <= 60


def test_asking_again_with_a_delay_is_taken_by_the_word(alias: str, delays: list[float]) -> None:
    result = run_to_end(alias, tasks.ask_again.using(backend=alias, backoff=0).enqueue(1, 3600))
    assert heard(delays, 1) == [3600]
    assert get_job(result).state == "SCHEDULED"


def test_a_delay_may_be_a_timedelta() -> None:
    assert RetryError(delay=timedelta(minutes=1)).delay == 60
    assert ReleaseError(delay=timedelta(minutes=1)).delay == 60


def test_a_delay_that_is_none_is_an_error_of_the_task(alias: str) -> None:
    result = run_to_end(alias, tasks.fail.using(backend=alias).enqueue("RetryError", "soon"))
    assert names(result) == ["TypeError"]
    assert "delay: expected seconds or a timedelta, got 'soon'." in result.errors[0].traceback


@pytest.mark.parametrize("max_tries", [None, 5])
def test_a_rejected_job_ends_at_once(alias: str, max_tries: int | None) -> None:
    task = tasks.reject.using(backend=alias, max_tries=max_tries, backoff=0)
    result = run_to_end(alias, task.enqueue("no such customer"))
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 1)
    assert result.errors[0].exception_class is RejectError
    assert result.errors[0].traceback.rstrip().endswith("no such customer")
    job = get_job(result)
    assert (job.state, job.failure) == ("FAILED", "rejected")
    assert "no such customer" in str(job.reason)
