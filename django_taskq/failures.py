"""What has failed lately, by task and error: read by the index of ended jobs, to a bound."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from django_taskq.control import database_of
from django_taskq.jobs.states import State
from django_taskq.models import Attempt, Job

MOST = 5000


class FailedJob(NamedTuple):
    """A failed job; `error` is the class of its last error, or else the kind of its failure."""

    id: str
    task: str
    error: str
    finished_at: datetime


class FailedJobs(NamedTuple):
    """Failed jobs, the newest first; `is_cut` where older ones were left out."""

    jobs: tuple[FailedJob, ...]
    is_cut: bool

    def of(self, task: str, error: str) -> tuple[FailedJob, ...]:
        """Return those of one task that failed with one error."""
        return tuple(job for job in self.jobs if (job.task, job.error) == (task, error))


class FailureGroup(NamedTuple):
    """Jobs of one task that failed with the same error."""

    task: str
    error: str
    count: int  # type: ignore[assignment]
    first_at: datetime
    last_at: datetime
    newest_id: str


def failed_jobs(alias: str, since: datetime, until: datetime | None = None) -> FailedJobs:
    """Return the newest failed jobs of a durable alias within a time, at most MOST."""
    database = database_of(alias)
    last = Attempt._default_manager.using(database).filter(
        job_id=OuterRef("pk"), attempt=OuterRef("attempt")
    )
    rows = Job._default_manager.using(database).filter(
        backend=alias, state=State.FAILED, finished_at__isnull=False, finished_at__gte=since
    )
    if until is not None:
        rows = rows.filter(finished_at__lte=until)
    found = list(
        rows.order_by("-finished_at", "-pk").values_list(
            "public_id", "task", "failure", "finished_at",
            Subquery(last.values("exception_class")[:1]),
        )[: MOST + 1]
    )  # fmt: skip
    jobs = (
        FailedJob(str(id), task, error or failure or "", finished_at)
        for id, task, failure, finished_at, error in found[:MOST]
    )
    return FailedJobs(tuple(jobs), len(found) > MOST)


def groups_of(jobs: Iterable[FailedJob]) -> list[FailureGroup]:
    """Group failed jobs, given with the newest first; the largest group comes first."""
    groups: dict[tuple[str, str], FailureGroup] = {}
    for id, task, error, at in jobs:
        known = groups.get((task, error))
        groups[task, error] = (
            FailureGroup(task, error, 1, at, at, id)
            if known is None
            else known._replace(count=known.count + 1, first_at=at)
        )
    return sorted(groups.values(), key=lambda group: (-group.count, group.task, group.error))
