"""What stands between a job and its start, as its store sees it at one moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.limits import Limit
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.sighting import Sighting
from django_taskq.jobs.workers import WorkerRecord

# How far jobs in front are counted, and how many upstreams and workers are looked at.
MOST_AHEAD = 1000
MOST_UPSTREAMS = 3
MOST_WORKERS = 1000


class Closed(NamedTuple):
    """A limit that lets no job start now.

    `opens_in` are the seconds until it does, None where a job has to end first.
    """

    limit: Limit
    opens_in: float | None


class Awaited(NamedTuple):
    """A job that another one still waits for; `state` is None where it cannot be seen."""

    id: str | None
    task_id: str | None
    task: str | None
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A job and what bears on its start; what does not matter in its state is left out.

    `ahead` is how many jobs come before it in its lane, `beside` how many are ready in its whole
    queue, both counted to one more than MOST_AHEAD and None where something else holds the job.
    `awaited` has at most one more than MOST_UPSTREAMS. `is_local` says that the job is worked in
    the process that enqueued it. Without `is_complete` what hands jobs out does not answer, and
    nothing is known of workers.
    """

    record: JobRecord
    now: datetime
    is_local: bool = False
    workers: tuple[WorkerRecord, ...] = ()
    is_queue_paused: bool = False
    is_tenant_paused: bool = False
    sighting: Sighting | None = None
    closed: tuple[Closed, ...] = ()
    awaited: tuple[Awaited, ...] = ()
    ahead: int | None = None
    beside: int | None = None
    is_complete: bool = True
