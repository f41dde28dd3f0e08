from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from django_taskq.jobs.states import Failure, State
from django_taskq.models import Job


@pytest.fixture
def submitted(customer: Any) -> list[UUID]:
    """Hand in three documents; their jobs end well, and what they found is stored."""
    from example_project.desk.intake import submit
    from example_project.desk.models import Document

    documents = [Document(customer=customer, name=f"{n}.txt", path="") for n in range(3)]
    ids = [UUID(result.id) for result in submit(customer, documents)]
    now = timezone.now()
    Job.objects.update(state=State.SUCCESSFUL, started_at=now, finished_at=now)
    Document.objects.update(read_at=now, size=0, lines=0)
    return ids


def complaints(submitted: list[UUID], *, status: int = 0, is_interrupted: bool = False) -> str:
    from example_project.demo.run import Run
    from example_project.demo.verdict import complaints

    run = Run(status=status, seconds=1.0, is_interrupted=is_interrupted, told="last words")
    return " ".join(complaints(run, submitted))


def test_a_good_run_gives_no_reason_to_complain(submitted: list[UUID]) -> None:
    assert not complaints(submitted)


def test_a_job_that_fails_by_itself_is_no_reason_to_complain(submitted: list[UUID]) -> None:
    Job.objects.filter(public_id=submitted[0]).update(state=State.FAILED, failure=Failure.REJECTED)
    assert not complaints(submitted)


def test_a_failed_worker_is_quoted(submitted: list[UUID]) -> None:
    assert "status 3. Its last words: last words" in complaints(submitted, status=3)


def test_a_job_that_is_not_stored_is_missed(submitted: list[UUID]) -> None:
    assert "1 of 4 submitted jobs are not stored." in complaints([*submitted, uuid4()])


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNLOADABLE])
def test_a_lost_job_is_a_reason_to_complain(submitted: list[UUID], failure: Failure) -> None:
    Job.objects.filter(public_id=submitted[0]).update(state=State.FAILED, failure=failure)
    assert "1 jobs were lost" in complaints(submitted)


def test_an_unfinished_job_is_one_unless_the_run_was_interrupted(submitted: list[UUID]) -> None:
    Job.objects.filter(public_id=submitted[0]).update(state=State.READY, finished_at=None)
    assert "1 jobs have not ended." in complaints(submitted)
    assert not complaints(submitted, is_interrupted=True)


def test_a_success_without_facts_is_a_reason_to_complain(submitted: list[UUID]) -> None:
    from example_project.desk.models import Document

    Document.objects.filter(name="0.txt").update(read_at=None)
    assert "1 documents lack facts" in complaints(submitted)
