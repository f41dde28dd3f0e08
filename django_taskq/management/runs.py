"""Pipeline runs as commands print them."""

from typing import Any

from django_taskq.jobs.run import RunRecord
from django_taskq.management import tables
from django_taskq.pipelines.run import PipelineRun

COLUMNS = ("id", "status", "tenant", "jobs", "states", "enqueued", "finished", "backend")


def row_of(run: RunRecord) -> tuple[Any, ...]:
    """Return a run as a line of a table, in the order of COLUMNS."""
    return (
        run.id, run.status, ",".join(run.tenants), sum(run.states.values()),
        counts_of(run.states), run.enqueued_at, run.finished_at, run.backend,
    )  # fmt: skip


def counts_of(states: dict[str, int]) -> str:
    """Return how many jobs there are in each state, in words."""
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def summary_of(run: RunRecord) -> dict[str, Any]:
    """Return what a list tells of a run."""
    return {
        "id": run.id,
        "backend": run.backend,
        "status": str(run.status),
        "tenants": list(run.tenants),
        "states": run.states,
        "enqueued_at": run.enqueued_at,
        "finished_at": run.finished_at,
    }


def details_of(run: PipelineRun) -> dict[str, Any]:
    """Return everything of a run: its steps, its edges, its jobs."""
    graph = run.graph()
    return {
        "id": run.id,
        "backend": run.backend,
        "status": str(run.status),
        "nodes": [node._asdict() for node in graph.nodes],
        "edges": [list(edge) for edge in graph.edges],
        "jobs": [
            {
                "id": job.id,
                "node": job.node,
                "map_index": job.map_index,
                "state": str(job.state),
                "failure": None if job.failure is None else str(job.failure),
                "reason": job.reason or job.blocked_for,
                "tenant": job.tenant,
                "queue": job.queue,
            }
            for job in run.jobs
        ],
    }


def text_of(run: PipelineRun) -> str:
    """Return a run for people to read: a line for each step, and whom it waits for."""
    graph = run.graph()
    before: dict[str, list[str]] = {}
    for upstream, downstream in graph.edges:
        before.setdefault(downstream, []).append(upstream)
    lines = [
        (
            node.name,
            node.state,
            node.task,
            counts_of(node.states),
            ", ".join(before.get(node.name, ())),
            node.id,
        )
        for node in graph.nodes
    ]
    head = f"{run.id} {run.status}"
    return f"{head}\n{tables.table(('step', 'state', 'task', 'items', 'after', 'job'), lines)}"
