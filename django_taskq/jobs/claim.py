"""A job handed to a worker, and what a worker asks a store for."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django_taskq.jobs.clock import given_clock
from django_taskq.jobs.tenants import Tenants


class TryError(NamedTuple):
    """A failed try as it is stored: the exception's import path and its traceback."""

    exception_class_path: str
    traceback: str


class ClaimRequest(NamedTuple):
    """Which jobs a worker may take, and how many at the most; suspects alone, or none.

    `free` is how many could start at once, or within milliseconds, None for `limit`: jobs whose
    starts are limited are handed out for those alone, since they count as running from then on.
    `slots` is how many the worker runs at a time, None for `limit`; a tenant's share is a share
    of these. With `tenants` only these are served, and those in `steal` where these have nothing
    that could start, for the slots that are `idle`, None for `free`: never ahead. `patience` is by
    how many seconds longer than elsewhere a start takes here that a rate counts; it costs starts.
    """

    worker_id: str
    limit: int
    queues: tuple[str, ...] | None = None
    excluded_queues: frozenset[str] = frozenset()
    suspects: bool = False
    free: int | None = None
    idle: int | None = None
    slots: int | None = None
    tenants: Tenants | None = None
    steal: Tenants | None = None
    patience: float = 0.0


class Claim(NamedTuple):
    """One attempt of a job, held by one worker.

    (`seq`, `attempt`, `worker_id`) is the fence of every later write. `read_at` is this
    process's monotonic clock when the claim arrived, so that `claimed_at` plus the time since
    is the store's clock without asking it again. After `start_by`, on the same clock, the job may
    not start any more under this claim: its start was counted for about the time of the claim.
    """

    seq: int
    id: str
    task: str
    args: str
    kwargs: str
    queue: str
    tenant: str
    priority: int
    attempt: int
    tries: int
    lost: int
    max_tries: int | None
    worker_id: str
    enqueued_at: datetime
    run_after: datetime | None
    claimed_at: datetime
    started_at: datetime | None
    worker_ids: str | None
    metadata: str | None
    options: str | None
    ctx: str | None
    trace: str | None
    run_id: str | None
    node: str | None
    map_index: int | None
    scheduled_for: datetime | None
    task_id: str | None
    read_at: float
    errors: tuple[TryError, ...] = ()
    start_by: float | None = None

    def store_time(self, monotonic: float) -> datetime:
        """Return a moment of this process's monotonic clock on the store's clock.

        Where another clock is given to stores it is the present moment: time that a test moves
        does not pass by itself.
        """
        now = given_clock()
        if now is not None:
            return now()
        return self.claimed_at + timedelta(seconds=max(0.0, monotonic - self.read_at))
