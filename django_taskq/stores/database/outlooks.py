"""What stands between a job in a database and its start, by bounded reads."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.outlook import (
    MOST_AHEAD,
    MOST_UPSTREAMS,
    MOST_WORKERS,
    Awaited,
    Closed,
    Outlook,
)
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.sighting import sighting_in
from django_taskq.jobs.states import ENDED, WAITING, State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.models import Dependency, Job
from django_taskq.stores.database.limits import LimitRows
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.reads import worker_of
from django_taskq.stores.database.rows import RECORD_COLUMNS, record_of
from django_taskq.stores.rules import RuleRows

_LANE = ("queue", "band", "gate", "tenant")
# The whole index in its order, so that a planner reads it and stops where enough were found.
_ORDER = ("backend", *_LANE, "rank", "pk")


class Outlooks:
    """Looks at jobs and writes nothing; eight statements at the most for one of them.

    No number of jobs makes a statement longer: what is counted is counted along an index, to a
    thousand. Running jobs under a limit are counted as a claim counts them.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._limits = LimitRows(place)
        # Apart from the rows that claims go by, which are told when something has changed.
        self._rules = RuleRows(place.database)

    def of(self, id: str) -> Outlook | None:
        """Return the outlook of a job."""
        parsed = parse_id(id)
        if parsed is None:
            return None
        rows = self.place.jobs().filter(public_id=uuid.UUID(parsed))
        clock, connection = self.place.clock, self.place.connection
        found, now = clock.read_with(rows, (*RECORD_COLUMNS, "band", "rank"), connection)
        if not found:
            return None
        *columns, band, rank = found[0]
        record = record_of(columns)
        facts: dict[str, Any] = {}
        if record.state not in ENDED:
            facts["workers"] = self._workers(now)
        if record.state in WAITING:
            facts["sighting"] = sighting_in(columns[RECORD_COLUMNS.index("ctx")])
        if record.state == State.DEFERRED:
            facts["awaited"] = self._awaited(record.seq)
        if record.state == State.READY:
            facts |= self._before(record, band, rank)
        return Outlook(record=record, now=now, **facts)

    def _workers(self, now: datetime) -> tuple[WorkerRecord, ...]:
        newest = self.place.workers().order_by("-expires_at")[:MOST_WORKERS]
        return tuple(worker_of(worker, now, 0) for worker in newest)

    def _awaited(self, seq: int) -> tuple[Awaited, ...]:
        edges = Dependency._default_manager.using(self.place.database)
        rows = edges.filter(downstream_id=seq, counted_as__isnull=True).order_by("pk")
        columns = ("upstream_public_id", "upstream_task_id", "upstream__task", "upstream__state")
        return tuple(
            Awaited(None if id is None else str(id), task_id, task, state)
            for id, task_id, task, state in rows.values_list(*columns)[: MOST_UPSTREAMS + 1]
        )

    def _before(self, record: JobRecord, band: int, rank: int) -> dict[str, Any]:
        """Return what keeps a ready job, or else how many stand before it."""
        queue, tenant = record.queue, record.tenant
        rules = self._rules.of(queue, tenant)
        facts: dict[str, Any] = {
            "is_queue_paused": queue in rules.paused_queues(),
            "is_tenant_paused": tenant in rules.paused_tenants(),
        }
        if any(facts.values()):
            return facts
        limits = [
            limit
            for limit in rules.limits_of(queue, tenant, record.gate)
            if limit.max_running or limit.rate
        ]
        if limits:
            budgets = self._limits.peek(limits)
            facts["closed"] = tuple(
                Closed(limit, budgets.opens_in([limit]))
                for limit in limits
                if not budgets.room([limit], 1)
            )
        if record.parked_for is None and not facts.get("closed"):
            facts["ahead"] = self._ahead(record, band, rank)
            facts["beside"] = _count(self._ready(queue=queue))
        return facts

    def _ahead(self, record: JobRecord, band: int, rank: int) -> int:
        """Count who comes first in the lane, in two ranges of its index."""
        lane = self._ready(queue=record.queue, band=band, gate=record.gate, tenant=record.tenant)
        before = _count(lane.filter(rank__lt=rank))
        if before <= MOST_AHEAD:
            before += _count(lane.filter(rank=rank, pk__lt=record.seq))
        return min(before, MOST_AHEAD + 1)

    def _ready(self, **lane: Any) -> QuerySet[Job]:
        ready = self.place.jobs().filter(state=State.READY, is_parked=False, **lane)
        return ready.order_by(*_ORDER)


def _count(jobs: QuerySet[Job]) -> int:
    return jobs.values("pk")[: MOST_AHEAD + 1].count()
