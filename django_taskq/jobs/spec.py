"""A job as it is handed to a store: what to run, for whom, when."""

from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.origin import Origin
from django_taskq.jobs.unique import Entry, OnDuplicate

NO_ARGS = "[]"
NO_KWARGS = "{}"


class Band:
    """The two bands of a queue: critical work is looked for first."""

    CRITICAL = 0
    REGULAR = 1


class JobSpec(NamedTuple):
    """One job to insert. Payloads are JSON text already; times are aware.

    With a `unique_key` it is stored only where no unfinished job has the same; `on_duplicate`
    says what happens otherwise. `trace` is what the middlewares send along (JSON text).
    `origin` is for jobs of pipelines and schedules alone.
    """

    id: str
    task: str
    args: str = NO_ARGS
    kwargs: str = NO_KWARGS
    queue: str = "default"
    tenant: str = ""
    priority: int = 0
    run_after: datetime | None = None
    max_tries: int | None = None
    metadata: str | None = None
    options: str | None = None
    gate: str = NO_GATE
    task_id: str | None = None
    unique_key: str | None = None
    on_duplicate: OnDuplicate = OnDuplicate.RAISE
    trace: str | None = None
    origin: Origin | None = None

    @property
    def band(self) -> int:
        """The band the job is served in."""
        return Band.CRITICAL if self.priority >= 100 else Band.REGULAR

    def rank(self, aging: float | None, now: datetime) -> int:
        """Return the place in its lane; smaller first, equal ones in order of insertion.

        Without `aging` it is the priority alone. With it, a point of priority is worth so many
        seconds of waiting from the moment in which the job may run: the rank is that moment in
        milliseconds, moved ahead by the priority. `now` is the store's clock.
        """
        if aging is None:
            return -self.priority
        waits_from = now if self.run_after is None else max(now, self.run_after)
        return int(waits_from.timestamp() * 1000) - int(self.priority * aging * 1000)


class Inserted(NamedTuple):
    """What became of one spec: the id of its job, and when it was stored (the store's clock).

    Where an unfinished job had the same `unique_key` both are that job's, and `entry` tells
    whether it stayed as it was or was changed to what the spec says.
    """

    id: str
    enqueued_at: datetime
    entry: Entry = Entry.NEW
