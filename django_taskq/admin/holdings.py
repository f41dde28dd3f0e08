"""The jobs that workers hold, read for many workers at once."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Case, ExpressionWrapper, F, When, Window
from django.db.models.fields import DateTimeField, DurationField
from django.db.models.functions import Now, RowNumber

from django_taskq.jobs.states import State
from django_taskq.models import Job, Worker

_COLUMNS = (
    "worker_id", "public_id", "task", "tenant", "since", "duration", "claimed_at",
    "last_attempted_at",
)  # fmt: skip


class Holding(NamedTuple):
    """A job that a worker holds.

    `since` is when the attempt started or, where that is not known yet, was claimed; `duration`
    is by the database's clock.
    """

    worker_id: str
    id: UUID
    task: str
    tenant: str
    since: datetime
    duration: timedelta
    claimed_at: datetime
    last_attempted_at: datetime | None

    @property
    def has_started(self) -> bool:
        """Whether the attempt is known to have started."""
        return self.last_attempted_at is not None and self.last_attempted_at >= self.claimed_at


def holdings_of(
    workers: Iterable[Worker], database: str, most: int
) -> dict[str, tuple[Holding, ...]]:
    """Return what each of these workers holds, the longest first, at most `most` each."""
    known = {worker.pk: worker.backend for worker in workers}
    since = Case(
        When(last_attempted_at__gte=F("claimed_at"), then=F("last_attempted_at")),
        default=F("claimed_at"),
        output_field=DateTimeField(),
    )
    rows = (
        Job._default_manager.using(database)
        .filter(state=State.RUNNING, backend__in=set(known.values()), worker_id__in=known)
        .annotate(since=since)
        .annotate(
            duration=ExpressionWrapper(Now() - F("since"), output_field=DurationField()),
            place=Window(
                RowNumber(), partition_by=[F("worker_id")], order_by=[F("since").asc(), "pk"]
            ),
        )
        .filter(place__lte=most)
        .order_by("worker_id", "place")
        .values_list(*_COLUMNS)
    )
    held: dict[str, tuple[Holding, ...]] = dict.fromkeys(known, ())
    for holding in map(Holding._make, rows) if known else ():
        held[holding.worker_id] += (holding,)
    return held
