"""What is read of each backend for its metrics."""

import os
import socket
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.db.models import Count, Max, Min

from django_taskq.control import database_of
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.rollups import Span
from django_taskq.models import Schedule, Tick
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import aware, storable

# How far back ticks are looked at.
RECENT = timedelta(minutes=15)


class Punctuality(NamedTuple):
    """How schedules keep their times.

    `ticks` counts what was decided lately, `late` is the most seconds that one of these came
    late, `overdue` for how many seconds the longest due tick waits to be decided.
    """

    ticks: dict[str, int]
    late: float
    overdue: float


class Reading(NamedTuple):
    """The numbers of one backend. `process` names this process where they are its alone."""

    insights: Insights
    counts: list[Counts]
    punctuality: Punctuality | None
    process: str | None


def read(aliases: Iterable[str], timeout: float) -> dict[str, Reading | NoAnswer]:
    """Read backends all at once; one that does not answer within the seconds keeps none waiting."""
    return ask(list(aliases), _read, timeout)


def _read(store: Store) -> Reading:
    insights = store.insights()
    counts = [rollup.counts for rollup in store.rollups(Span.EVER)]
    if store.is_local:
        return Reading(insights, counts, None, f"{socket.gethostname()}:{os.getpid()}")
    return Reading(insights, counts, _punctuality(store, insights), None)


def _punctuality(store: Store, insights: Insights) -> Punctuality:
    """Look at the ticks of the last minutes and at what is due, by an index each."""
    database, now = database_of(store.alias), insights.now
    ticks = Tick._default_manager.using(database).filter(
        schedule__backend=store.alias,
        decided_at__gte=storable(now - RECENT),
        is_by_hand=False,
    )
    rows = ticks.order_by("decision").values_list("decision")
    decided = list(rows.annotate(count=Count("pk"), latest=Max("late")))
    due = Schedule._default_manager.using(database).filter(
        backend=store.alias, enabled=True, next_at__lt=storable(now)
    )
    since = aware(due.aggregate(since=Min("next_at"))["since"])
    return Punctuality(
        {decision: count for decision, count, _ in decided},
        max((latest for _, _, latest in decided), default=0.0),
        0.0 if since is None else (now - since).total_seconds(),
    )
