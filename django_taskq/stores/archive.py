"""Where a store that keeps nothing itself puts jobs that have ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.rollups import Rollup, Span, Trend
from django_taskq.jobs.servings import Served, Serving
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State


class KeptJob(NamedTuple):
    """A job that has ended, with all that there is to know of it.

    The spec carries its metadata as they were at the end.
    """

    spec: JobSpec
    state: State | str
    rank: int
    attempt: int
    tries: int
    lost: int
    enqueued_at: datetime
    eligible_at: datetime | None
    claimed_at: datetime | None
    started_at: datetime | None
    last_attempted_at: datetime | None
    finished_at: datetime | None
    cancel_asked_at: datetime | None
    failure: Failure | str | None
    reason: str | None
    result: str | None
    worker_id: str | None
    worker_ids: str | None
    progress: str | None
    ctx: str | None
    attempts: tuple[AttemptRecord, ...] = ()


class Archive(Protocol):
    """Keeps the ended jobs of one backend alias, and reads them as a store does."""

    def keep(self, jobs: Sequence[KeptJob]) -> None:
        """Write jobs, all or none, in the place of what is kept of them from an earlier attempt."""

    def take_out(self, ids: Sequence[str]) -> list[KeptJob]:
        """Return jobs as they were put in, in the order asked; they stay in it."""

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, with the errors of their tries."""

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, with their attempts."""

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match."""

    def delete(self, ids: Sequence[str]) -> int:
        """Delete jobs and their history; return how many."""

    def prune(self, limit: int) -> int:
        """Delete jobs older than RETENTION; return how many."""

    def count(self, counted: Sequence[Counts]) -> None:
        """Add what a worker has counted of attempts to the roll-ups."""

    def rollups(self, span: Span, since: datetime | None = None) -> list[Rollup]:
        """Return the roll-ups of a span, the oldest first."""

    def count_servings(self, servings: Sequence[Serving]) -> None:
        """Add what a worker has given tenants."""

    def servings(self, since: datetime, tenants: Sequence[str]) -> Served:
        """Return what workers have given these tenants since about a moment."""

    def trend(self, span: Span, since: datetime) -> Trend:
        """Return how all queues together went since a moment, and which tasks failed."""

    def find_obstacle(self) -> str | None:
        """Return in a sentence what keeps it from being used, or None."""

    def particulars(self) -> Any:
        """Return what its speed depends on."""

    def close(self) -> None:
        """Give up what is held open."""
