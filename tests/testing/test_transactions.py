"""A TestCase's open transaction changes as little as can be for the jobs inside."""

from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase

from django_taskq.testing import enqueued, run_jobs
from tests.aliases import with_options
from tests.app import tasks
from tests.app.models import Mark


def marks(alias: str) -> list[str]:
    return sorted(Mark.objects.using(alias).values_list("text", flat=True))


def test_what_a_failed_job_has_written_stays_as_it_does_in_a_worker(durable: str) -> None:
    tasks.mark_and_fail.using(backend=durable).enqueue("kept", durable)
    tasks.mark_and_fail.using(backend=durable).enqueue("undone", durable, is_atomic=True)
    assert [each.status for each in run_jobs(durable)] == ["FAILED", "FAILED"]
    assert marks(durable) == ["kept"]


@pytest.mark.parametrize("task", [tasks.mark_twice, tasks.amark_twice])
def test_an_error_of_the_database_ends_the_job_alone(durable: str, task: Any) -> None:
    tasks.mark.func("of the test", durable)
    result = task.using(backend=durable).enqueue(durable)
    (ran,) = run_jobs(durable)
    assert ran.errors[0].exception_class.__name__ == "IntegrityError"
    result.refresh()
    assert result.status == "FAILED"
    assert marks(durable) == ["of the test"]


@pytest.mark.parametrize("task", [tasks.mark_on_commit, tasks.amark_on_commit])
def test_what_a_job_leaves_for_the_commit_is_done(durable: str, task: Any) -> None:
    with TestCase.captureOnCommitCallbacks(using=durable) as captured:
        transaction.on_commit(lambda: tasks.mark.func("of the test", durable), using=durable)
        task.using(backend=durable).enqueue("of the job", durable)
        assert [each.status for each in run_jobs(durable)] == ["SUCCESSFUL"]
        assert marks(durable) == ["of the job"]
    assert len([each for each in captured if "<lambda>" in str(each)]) == 1


def test_an_error_on_commit_fails_the_job(durable: str) -> None:
    tasks.fail_on_commit.using(backend=durable).enqueue(durable)
    (ran,) = run_jobs(durable)
    assert ran.errors[0].exception_class is ValueError


@pytest.mark.django_db(databases=["default"])
def test_jobs_that_jobs_enqueue_on_commit_run_too() -> None:
    with with_options("default", ENQUEUE_ON_COMMIT=True):
        with TestCase.captureOnCommitCallbacks(execute=True):
            tasks.enqueue_another.enqueue("inner")
        assert len(run_jobs()) == 2
        assert enqueued() == []
