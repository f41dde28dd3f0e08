"""Running a job: its end, its errors, its log lines, its context."""

import logging
from typing import Any

import pytest
from django.tasks import TaskResultStatus
from django.tasks.base import TaskError

from django_taskq import JobContext
from tests.app import tasks
from tests.conformance.conftest import Drain, On
from tests.conformance.test_enqueue import ways_in
from tests.deadlines import wait_until


def test_a_job_that_returns_is_successful(on: On, drain: Drain) -> None:
    result = on(tasks.nothing).enqueue()
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.SUCCESSFUL
    assert result.is_finished
    assert result.enqueued_at <= result.started_at <= result.finished_at
    assert result.last_attempted_at == result.started_at
    assert result.attempts == 1
    assert result.errors == []
    assert result.return_value is None


@ways_in
def test_the_return_value_is_kept(echo: Any, drain: Drain, way_in: Any) -> None:
    result = way_in(echo, 42)
    drain()
    result.refresh()
    assert result.return_value == 42


def errors_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize("kind", ["ValueError", "SystemExit", "NotImplementedError"])
def test_an_exception_fails_the_job_and_is_kept(
    caplog: pytest.LogCaptureFixture, fail: Any, drain: Drain, kind: str
) -> None:
    result = fail.enqueue(kind, "the cupboard is bare")
    with caplog.at_level(logging.INFO, logger="django.tasks"):
        drain()
        result.refresh()
        wait_until(lambda: errors_in(caplog), what="the log line, which follows the write")
    assert result.status is TaskResultStatus.FAILED
    assert result.is_finished
    assert result.attempts == 1
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value
    [error] = result.errors
    assert error.exception_class.__name__ == kind
    assert error.traceback.rstrip().endswith(f"{kind}: the cupboard is bare")
    assert "Traceback (most recent call last)" in error.traceback
    [record] = errors_in(caplog)
    assert result.id in record.getMessage()
    assert "the cupboard is bare" in caplog.text


def test_a_keyboard_interrupt_out_of_a_task_fails_that_job_alone(
    fail: Any, on: On, drain: Drain
) -> None:
    interrupted = fail.enqueue("KeyboardInterrupt")
    others = [on(tasks.echo).enqueue(number) for number in range(20)]
    drain()
    interrupted.refresh()
    assert interrupted.status is TaskResultStatus.FAILED
    assert interrupted.errors[0].exception_class is KeyboardInterrupt
    for number, result in enumerate(others):
        result.refresh()
        assert result.return_value == number


def test_an_exception_inside_an_exception_keeps_its_text(on: On, drain: Drain) -> None:
    result = on(tasks.fail_with_exception_inside).enqueue("ValueError", "deep inside")
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.FAILED
    assert result.errors[0].exception_class is ValueError
    assert "deep inside" in result.errors[0].traceback


@pytest.mark.parametrize("name", ["unwritable", "aunwritable"])
def test_a_return_value_that_json_has_no_type_for_fails_the_job(
    on: On, drain: Drain, name: str
) -> None:
    result = on(getattr(tasks, name)).enqueue("function")
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.FAILED
    [error] = result.errors
    assert error.exception_class is TypeError
    assert "Unsupported type" in error.traceback
    assert "function" in error.traceback
    assert result._return_value is None


def test_three_log_lines_tell_of_a_job_in_order(
    caplog: pytest.LogCaptureFixture, echo: Any, drain: Drain
) -> None:
    with caplog.at_level(logging.DEBUG, logger="django.tasks"):
        result = echo.enqueue(1)
        drain()
        wait_until(lambda: "SUCCESSFUL" in caplog.text, what="the log line of the end")
    told = [record for record in caplog.records if record.name == "django.tasks"]
    # A pool may have started the job before its caller had told of the enqueue.
    told.sort(key=lambda record: record.levelno != logging.DEBUG)
    assert [record.levelno for record in told] == [logging.DEBUG, logging.INFO, logging.INFO]
    lines = [logging.Formatter().format(record) for record in told]
    assert all(result.id in line for line in lines)
    assert "enqueued" in lines[0]
    assert "RUNNING" in lines[1]
    assert "SUCCESSFUL" in lines[2]
    assert not any("None" in line for line in lines)


@pytest.mark.parametrize("name", ["describe", "adescribe"])
def test_the_context_tells_of_the_running_job(on: On, drain: Drain, name: str) -> None:
    result = on(getattr(tasks, name)).enqueue()
    drain()
    result.refresh()
    seen = result.return_value
    assert seen["type"] == JobContext.__name__
    assert seen["id"] == seen["current_id"] == result.id
    assert seen["attempt"] == 1
    assert seen["status"] == TaskResultStatus.RUNNING
    assert seen["worker_ids"] == result.worker_ids
    assert seen["is_current"]


def test_an_error_names_only_exceptions_that_can_be_imported() -> None:
    with pytest.raises(ValueError, match="exception"):
        _ = TaskError(exception_class_path="tests.app.tasks.echo", traceback="").exception_class
    with pytest.raises(ImportError):
        _ = TaskError(exception_class_path="tests.gone.Error", traceback="").exception_class
