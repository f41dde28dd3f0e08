"""control.amend: another queue or priority for a job that waits."""

from uuid import uuid4

import pytest
from django.tasks.exceptions import TaskResultDoesNotExist

from django_taskq import control
from django_taskq.exceptions import JobStateError
from tests.app import tasks
from tests.each_database import on_all_databases, on_each_database
from tests.running import run_due


@on_each_database
def test_an_amended_result_says_what_the_job_is_now(alias: str) -> None:
    result = tasks.echo.using(backend=alias).enqueue(1)
    amended = control.amend(result, queue="emails", priority=9)
    assert (amended.id, amended.task.queue_name, amended.task.priority) == (result.id, "emails", 9)


@on_each_database
def test_a_job_that_has_ended_is_refused(alias: str) -> None:
    result = tasks.echo.using(backend=alias).enqueue(1)
    run_due(alias)
    with pytest.raises(JobStateError, match="SCHEDULED, DEFERRED or READY, got SUCCESSFUL"):
        control.amend(result, priority=9)
    with pytest.raises(TaskResultDoesNotExist):
        control.amend(str(uuid4()), alias, priority=9)


@on_all_databases
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Expected a queue, a priority or both to give to the jobs, got neither."),
        ({"queue": "x" * 129}, "queue: expected text of at most 128 characters"),
        ({"priority": True}, "priority: expected a whole number from -100 to 100, got True."),
        ({"priority": -101}, "priority: expected a whole number from -100 to 100, got -101."),
    ],
)
def test_what_no_job_can_have_is_refused(changes: dict[str, object], told: str) -> None:
    result = tasks.echo.enqueue(1)
    with pytest.raises(ValueError, match=told):
        control.amend(result, **changes)  # type: ignore[arg-type]


@on_all_databases
def test_a_queue_that_the_alias_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    result = tasks.echo.enqueue(1)
    backend = control.task_backends["default"]
    monkeypatch.setattr(backend, "queues", {"default", "emails"})
    with pytest.raises(ValueError, match=r"the QUEUES of the alias 'default' \('default', 'em"):
        control.amend(result, queue="other")
    assert control.amend(result, queue="emails").task.queue_name == "emails"
