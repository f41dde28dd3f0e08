"""A job that stands in a row, as it is handed to whoever hands it out."""

from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State


class HandedJob(NamedTuple):
    """A job as its row stands, with all that a claim of it carries.

    The spec carries its metadata as they are. `attempts` are those whose errors are kept.
    """

    seq: int
    spec: JobSpec
    state: State | str
    rank: int
    attempt: int
    tries: int
    lost: int
    enqueued_at: datetime
    eligible_at: datetime | None
    due_at: datetime | None
    started_at: datetime | None
    cancel_asked_at: datetime | None
    worker_ids: str | None
    ctx: str | None
    parked_for: str | None
    attempts: tuple[AttemptRecord, ...] = ()
