"""Live numbers of an alias as `taskq stats` prints them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django_taskq import control
from django_taskq.jobs.depths import Depth, depth_of, depths
from django_taskq.jobs.insights import Insights, LaneCount
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.management import rules, tables
from django_taskq.standings import QueueStanding, Standing, TenantStanding, queues_in, tenants_in

_DEPTHS = Depth._fields
_WORKERS = (
    "worker", "host", "supervisor", "pid", "queues", "tenants", "beat", "progress", "memory",
    "alive", "running",
)  # fmt: skip


class View(NamedTuple):
    """What an alias has, of one queue and one tenant where these were asked for."""

    alias: str
    insights: Insights
    lanes: Sequence[LaneCount]
    queues: Sequence[QueueStanding]
    tenants: Sequence[TenantStanding]
    is_narrowed: bool
    warnings: Sequence[str] = ()


def view(alias: str, queue: str | None, tenant: str | None, warnings: Sequence[str] = ()) -> View:
    """Read the numbers of an alias, and what operators say of the queues and tenants in them."""
    insights = control.store_of(alias).insights()
    lanes = [
        lane
        for lane in insights.lanes
        if queue in {None, lane.queue} and tenant in {None, lane.tenant}
    ]
    database = control.database_of(alias)
    return View(
        alias,
        insights,
        lanes,
        [standing for standing in queues_in(database, lanes) if any(standing.depth)],
        [standing for standing in tenants_in(database, lanes) if any(standing.depth)],
        is_narrowed=(queue, tenant) != (None, None),
        warnings=warnings,
    )


def value_of(found: View) -> dict[str, Any]:
    """Return the numbers as JSON has them; the oldest job and the workers are the alias's."""
    insights = found.insights
    oldest = insights.oldest_ready_at
    return {
        "lanes": [lane._asdict() for lane in found.lanes],
        "queues": [rules.value_of(standing) for standing in found.queues],
        "tenants": [rules.value_of(standing) for standing in found.tenants],
        "oldest_ready_at": oldest,
        "oldest_ready_age": None if oldest is None else insights.now - oldest,
        "workers": [_worker_of(worker) for worker in insights.workers],
        "warnings": list(found.warnings),
    }


def _worker_of(worker: WorkerRecord) -> dict[str, Any]:
    assignment = worker.assignment
    return worker._asdict() | {"assignment": None if assignment is None else assignment._asdict()}


def text_of(found: View, limit: int) -> str:
    """Return the numbers for people to read, tables cut after so many lines."""
    parts = [tables.fields(_about(found))]
    lanes = depths(found.lanes, lambda lane: (lane.queue, lane.tenant))
    if lanes:
        parts.append(_lanes(found, lanes, limit))
    # A sum of one thing says nothing new.
    for what, standings in (("queue", found.queues), ("tenant", found.tenants)):
        if len(standings) < len(lanes):
            parts.append(_sums(what, standings, limit))
    if found.insights.workers and not found.is_narrowed:
        parts.append(tables.table(_WORKERS, _worker_rows(found.insights)))
    if found.warnings:
        parts.append("\n".join(tables.clean(f"warning: {text}") for text in found.warnings))
    return "\n\n".join(parts)


def _about(found: View) -> Iterable[tuple[str, Any]]:
    depth, insights = depth_of(found.lanes), found.insights
    yield "backend", found.alias
    yield "unfinished", sum(depth)
    yield "running", depth.running
    if not found.is_narrowed:
        oldest = insights.oldest_ready_at
        yield "oldest ready", None if oldest is None else insights.now - oldest


def _lanes(found: View, lanes: dict[tuple[str, str], Depth], limit: int) -> str:
    queues = {standing.name: standing for standing in found.queues}
    tenants = {standing.name: standing for standing in found.tenants}
    ordered = sorted(lanes, key=lambda lane: (-lanes[lane].waiting, -lanes[lane].running, *lane))
    shown, more = rules.cut(ordered, limit)
    lines = (
        (
            queue, tenant, *lanes[queue, tenant],
            "; ".join(filter(None, (_said(tenants[tenant]), _said(queues[queue], "queue ")))),
        )
        for queue, tenant in shown
    )  # fmt: skip
    return tables.table(("queue", "tenant", *_DEPTHS, "rules"), lines) + more


def _sums(what: str, standings: Sequence[Standing], limit: int) -> str:
    shown, more = rules.cut(standings, limit)
    lines = ((standing.name, *standing.depth, _said(standing)) for standing in shown)
    return tables.table((what, *_DEPTHS, "rules"), lines) + more


def _said(standing: Standing, of: str = "") -> str:
    """Return what operators say of a tenant or queue, if anything."""
    said = ["paused"] if standing.paused else []
    if isinstance(standing, TenantStanding) and standing.weight != 1:
        said.append(f"weight {standing.weight}")
    if standing.max_running is not None:
        said.append(f"max_running {standing.max_running}")
    if isinstance(standing, TenantStanding) and standing.max_rate is not None:
        said.append(f"max_rate {standing.max_rate}")
    return f"{of}{', '.join(said)}" if said else ""


def _worker_rows(insights: Insights) -> Iterable[tuple[Any, ...]]:
    for worker in insights.workers:
        queues = ["all"] if worker.queues is None else worker.queues
        tenants = "all" if worker.assignment is None else str(worker.assignment)
        progress = None if worker.progress_at is None else insights.now - worker.progress_at
        yield (
            worker.id, worker.host, worker.supervisor_pid, worker.pid, queues, tenants,
            insights.now - worker.beat_at, progress, tables.size(worker.memory), worker.is_alive,
            worker.running,
        )  # fmt: skip
