"""Backlogs of tenants, by reads that are bounded however many jobs there are."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Min

from django_taskq.jobs.backlogs import (
    MOST_TENANTS,
    MOST_WORKERS,
    Backlog,
    BacklogQuery,
    Backlogs,
)
from django_taskq.jobs.depths import depth_of
from django_taskq.jobs.insights import LaneCount
from django_taskq.jobs.states import State
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.reads import worker_of
from django_taskq.stores.database.window import Triple

# Jobs that are counted of each state but READY.
MOST_WAITING = 5_000


class Counted(NamedTuple):
    """Some jobs of one state, queue and tenant; those without a tenant are others'.

    With `is_cut` there may be more of them, with `has_older` older ones.
    """

    state: str
    queue: str
    tenant: str | None
    count: int  # type: ignore[assignment]
    oldest_at: datetime | None = None
    is_cut: bool = False
    has_older: bool = False

    def plus(self, other: "Counted") -> "Counted":
        """Return both together."""
        oldest = [at for at in (self.oldest_at, other.oldest_at) if at is not None]
        return self._replace(count=self.count + other.count, oldest_at=min(oldest, default=None))


# Each state but READY and what of that stands apart, in the order of its index.
_STATES: tuple[tuple[State, str, dict[str, bool]], ...] = (
    (State.SCHEDULED, "due_at", {}),
    (State.DEFERRED, "pk", {}),
    (State.RUNNING, "worker_id", {}),
    (State.READY, "parked_for", {"is_parked": True}),
)


class BacklogReads:
    """Counts jobs in order of their indexes. The ready ones are counted whole here: a database
    that can step from one lane to the next has a class of its own.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def of(self, wanted: BacklogQuery) -> Backlogs:
        """Return the backlogs that are wanted."""
        place = self.place
        now = place.clock.read(place.connection)
        triples = [t for t in self.triples() if wanted.queue in (None, t.queue)]
        tenants = wanted.tenants
        if tenants is None:
            tenants = tuple(self.waiting_tenants(triples, MOST_TENANTS))
        counted = [*self._waiting(tenants, wanted.queue), *self.ready(triples, tenants)]
        newest = place.workers().order_by("-expires_at")[:MOST_WORKERS]
        workers = tuple(worker_of(row, now, 0) for row in (newest if wanted.has_workers else ()))
        return Backlogs(now, _by_tenant(counted, tenants, wanted.queue), workers)

    def triples(self) -> list[Triple]:
        """Return the queues, bands and gates with ready jobs."""
        rows = self._ready().values_list("queue", "band", "gate").order_by().distinct()
        return [Triple(*row) for row in rows]

    def waiting_tenants(self, triples: Sequence[Triple], most: int) -> list[str]:
        """Return the first tenants with ready jobs in these queues."""
        queues = {triple.queue for triple in triples}
        rows = self._ready().filter(queue__in=queues).values_list("tenant", flat=True)
        return list(rows.order_by("tenant").distinct()[:most])

    def ready(self, triples: Sequence[Triple], tenants: Sequence[str]) -> list[Counted]:
        """Count the ready jobs of each of these tenants in these queues."""
        jobs = self._ready().filter(
            queue__in={triple.queue for triple in triples}, tenant__in=tenants
        )
        rows = jobs.order_by().values_list("queue", "tenant")
        return [
            Counted(State.READY, queue, tenant, count, aware(oldest))
            for queue, tenant, count, oldest in rows.annotate(
                count=Count("pk"), oldest=Min("eligible_at")
            )
        ]

    def apart(self, tenants: Sequence[str], queue: str | None) -> list[Counted]:
        """Count what stands in no lane, at most MOST_WAITING jobs of each state.

        What is not of these tenants, in this queue, may be told without a tenant.
        """
        found: list[Counted] = []
        for state, order, more in _STATES:
            jobs = self.place.jobs().filter(state=state, **more).order_by(order)
            rows = jobs.values_list("queue", "tenant", "eligible_at")[:MOST_WAITING]
            sums: dict[tuple[str, str], Counted] = {}
            for of_queue, tenant, eligible_at in rows:
                each = Counted(state, of_queue, tenant, 1, aware(eligible_at))
                known = sums.get((of_queue, tenant))
                sums[of_queue, tenant] = each if known is None else known.plus(each)
            found += sums.values()
        return found

    def _ready(self) -> Any:
        return self.place.jobs().filter(state=State.READY, is_parked=False)

    def _waiting(self, tenants: Sequence[str], queue: str | None) -> list[Counted]:
        found = self.apart(tenants, queue)
        totals: dict[str, int] = {}
        for counted in found:
            totals[counted.state] = totals.get(counted.state, 0) + counted.count
        return [counted._replace(is_cut=totals[counted.state] >= MOST_WAITING) for counted in found]


def _by_tenant(
    counted: Iterable[Counted], tenants: Sequence[str], queue: str | None
) -> dict[str, Backlog]:
    known = frozenset(tenants)
    parts: dict[str, list[Counted]] = {}
    # Of a state that was counted to its bound anybody may have more.
    cut = {each.state for each in counted if each.is_cut and each.state != State.READY}
    for each in counted:
        if queue in (None, each.queue) and each.tenant is not None and each.tenant in known:
            parts.setdefault(each.tenant, []).append(each)
    return {tenant: _backlog(found, cut) for tenant, found in parts.items()}


def _backlog(found: Sequence[Counted], cut: set[str]) -> Backlog:
    lanes = [LaneCount(each.queue, each.tenant or "", each.state, each.count) for each in found]
    ready = [each for each in found if each.state == State.READY]
    oldest = [each.oldest_at for each in ready if each.oldest_at is not None]
    return Backlog(
        depth_of(lanes),
        frozenset(cut | {each.state for each in found if each.is_cut}),
        min(oldest, default=None),
        any(each.has_older or each.is_cut for each in ready),
    )
