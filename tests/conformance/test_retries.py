"""A job that runs again: what its result says of both attempts."""

from typing import Any

import pytest
from django.tasks import TaskResultStatus

from tests.app import tasks
from tests.conformance.conftest import Drain, On


@pytest.fixture(params=["succeed_on", "asucceed_on"])
def succeed_on(request: pytest.FixtureRequest, on: On) -> Any:
    return on(getattr(tasks, request.param)).using(max_tries=3, backoff=0)


def test_a_retried_job_counts_its_attempts_and_keeps_its_first_start(on: On, drain: Drain) -> None:
    # The first attempt fails at once, the second says when the job had first started.
    result = on(tasks.succeed_on).using(max_tries=2, backoff=0).enqueue(2)
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.SUCCESSFUL
    assert result.return_value == 2
    assert result.attempts == len(result.worker_ids) == 2
    assert len(result.errors) == 1
    assert result.errors[0].exception_class is ValueError
    assert "attempt 1" in result.errors[0].traceback
    assert result.enqueued_at <= result.started_at < result.last_attempted_at
    assert result.last_attempted_at <= result.finished_at


def test_every_failed_attempt_leaves_its_error(succeed_on: Any, drain: Drain) -> None:
    result = succeed_on.enqueue(99)
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.FAILED
    assert result.attempts == 3
    assert [error.traceback.rstrip().rpartition("\n")[2] for error in result.errors] == [
        f"ValueError: attempt {number}" for number in (1, 2, 3)
    ]


def test_a_job_that_waits_for_its_next_try_is_ready_again(on: On, drain: Drain) -> None:
    result = on(tasks.succeed_on).using(max_tries=2, backoff=3600).enqueue(2)
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.READY
    assert not result.is_finished
    assert result.attempts == 1
    assert len(result.errors) == 1
    assert result.finished_at is None
