"""What stands between a job in a database and its start, by bounded reads."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import IntegerField, OuterRef, Subquery, Value

from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.limits import Limit
from django_taskq.jobs.outlook import (
    MOST_AHEAD,
    MOST_UPSTREAMS,
    MOST_WORKERS,
    Awaited,
    Closed,
    Outlook,
)
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.sighting import sighting_in
from django_taskq.jobs.states import ENDED, WAITING, State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.models import Dependency, Queue, Tenant
from django_taskq.models import Limit as LimitRow
from django_taskq.stores.database.budgets import Budgets
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.reads import worker_of
from django_taskq.stores.database.rows import RECORD_COLUMNS, record_of
from django_taskq.stores.pairing import Spent
from django_taskq.stores.rules import RuleRows

# The whole index in its order, so that a planner reads it and stops where enough were found.
_ORDER = ("backend", "queue", "band", "gate", "tenant", "rank", "pk")
_PLACE = ("band", "rank")
_RULES = ("tenant_max_running", "tenant_max_rate", "tenant_paused", "queue_max_running",
          "queue_paused")  # fmt: skip


class _CountOf(Subquery):
    """How many rows a query finds, as a column of another one."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


class Outlooks:
    """Looks at jobs and writes nothing; three statements for one, and maybe one for the time.

    No number of jobs makes a statement longer: what is counted is counted along an index, to a
    thousand or to the cap.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._rules = RuleRows(place.database)
        # Tells what limits have spent where rows do not: how many run, and when the next may start.
        self.spent: Spent | None = None

    def of(self, id: str) -> Outlook | None:
        """Return the outlook of a job."""
        parsed = parse_id(id)
        if parsed is None:
            return None
        rows = self.place.jobs().filter(public_id=uuid.UUID(parsed)).annotate(**self._ruled())
        columns = (*RECORD_COLUMNS, *_PLACE, *_RULES)
        found, now = self.place.clock.read_with(rows, columns, self.place.connection)
        if not found:
            return None
        row = found[0]
        record = record_of(row[: len(RECORD_COLUMNS)])
        told = dict(zip(columns, row, strict=True))
        facts: dict[str, Any] = {}
        if record.state not in ENDED:
            facts["workers"] = self._workers(now)
        if record.state in WAITING:
            facts["sighting"] = sighting_in(told["ctx"])
        if record.state == State.DEFERRED:
            facts["awaited"] = self._awaited(record.seq)
        if record.state == State.READY:
            facts |= self._before(record, told, now)
        return Outlook(record=record, now=now, **facts)

    def _ruled(self) -> dict[str, Subquery]:
        """Return what operators say of a job's tenant and queue, as columns beside its own."""
        found = {}
        for column in _RULES:
            kind, _, name = column.partition("_")
            model: Any = Tenant if kind == "tenant" else Queue
            rows = model._default_manager.using(self.place.database).filter(name=OuterRef(kind))
            found[column] = Subquery(rows.order_by().values(name)[:1])
        return found

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

    def _before(self, record: JobRecord, told: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return what keeps a ready job, or else how many stand before it."""
        queue, tenant = record.queue, record.tenant
        rules = self._rules_in(queue, tenant, told)
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
        columns = [*self._counts(record, told), *(self._kept(limit) for limit in limits)]
        columns += [self._running(limit) for limit in limits]
        row = self.place.jobs().filter(pk=record.seq).values_list(*columns).first()
        if row is None:
            return facts
        lower, equal, beside, *kept = row
        keys = [limit.key for limit in limits]
        next_at: dict[str, Any] = dict(zip(keys, map(aware, kept[: len(keys)]), strict=True))
        running = dict(zip(keys, kept[len(keys) :], strict=True))
        if limits and self.spent is not None:
            running, next_at = self.spent(keys)
        budgets = Budgets(running, next_at, now)
        facts["closed"] = closed = tuple(
            Closed(limit, budgets.opens_in([limit]))
            for limit in limits
            if not budgets.room([limit], 1)
        )
        if record.parked_for is None and not closed:
            facts |= {"ahead": min(lower + equal, MOST_AHEAD + 1), "beside": beside}
        return facts

    def _rules_in(self, queue: str, tenant: str, told: dict[str, Any]) -> Rules:
        most, rate, is_paused, most_in_queue, is_queue_paused = (told[name] for name in _RULES)
        rows = []
        if is_paused is not None:
            rows.append((1, tenant, 1, most, rate, is_paused))
        if is_queue_paused is not None:
            rows.append((0, queue, 1, most_in_queue, None, is_queue_paused))
        return self._rules.rules_of(rows)

    def _counts(self, record: JobRecord, told: dict[str, Any]) -> list[Any]:
        """Return who comes first in the lane, by two ranges of its index, and who is ready."""
        ready = self.place.jobs().filter(state=State.READY, is_parked=False, queue=record.queue)
        lane = ready.filter(band=told["band"], gate=record.gate, tenant=record.tenant)
        ranges = (
            lane.filter(rank__lt=told["rank"]),
            lane.filter(rank=told["rank"], pk__lt=record.seq),
            ready,
        )
        return [_CountOf(jobs.order_by(*_ORDER).values("pk")[: MOST_AHEAD + 1]) for jobs in ranges]

    def _kept(self, limit: Limit) -> Any:
        rows = LimitRow._default_manager.using(self.place.database)
        rows = rows.filter(backend=self.place.backend, key=limit.key)
        return Subquery(rows.values("next_at")[:1])

    def _running(self, limit: Limit) -> Any:
        if limit.max_running is None:
            return Value(0)
        # A key begins with the column by which its jobs are told.
        column, _, name = limit.key.partition(":")
        running = self.place.jobs().filter(state=State.RUNNING, **{column: name})
        return _CountOf(running.order_by().values("pk")[: limit.max_running])
