"""New jobs of a memory store that wait for others: all is checked before one is stored."""

from collections.abc import Sequence

from django_taskq.jobs.origin import Upstream
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import unique_key
from django_taskq.jobs.upstreams import (
    MOST_EDGES,
    check_cycles,
    foreign,
    keys_of,
    pending_key,
    renamed,
    unknown,
    upstreams_of,
)
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob


def check(board: Board, specs: Sequence[JobSpec], backend: str, *, may_wait: bool) -> None:
    """Check that all which is waited for is there, or comes with the batch.

    Raise InvalidPipeline.
    """
    places = {spec.id: place for place, spec in enumerate(specs)}
    named = {(spec.tenant, spec.task_id): place for place, spec in enumerate(specs)}
    graph: dict[int, list[int]] = {place: [] for place in range(len(specs))}
    for place, spec in enumerate(specs):
        for upstream in upstreams_of(spec):
            job = find(board, spec.tenant, upstream, backend)
            tenant = None if job is None else job.spec.tenant
            if job is None:
                within = (
                    places.get(upstream.id)
                    if upstream.id is not None
                    else named.get((spec.tenant, upstream.task_id))
                )
                if within is not None:
                    tenant = specs[within].tenant
                    graph[place].append(within)
            else:
                # What was there before stands under its number below zero.
                graph[place].append(-job.seq)
            if tenant is None:
                if may_wait:
                    continue
                raise unknown(backend, spec.tenant, upstream)
            if tenant != spec.tenant:
                raise foreign(spec, upstream, tenant)
    if board.graph.pending:
        _add_below(board, specs, backend, graph)
    check_cycles(graph)


def _add_below(
    board: Board, specs: Sequence[JobSpec], backend: str, graph: dict[int, list[int]]
) -> None:
    """Add who waits already for new jobs that wait themselves, and who waits for these."""
    awaited = [
        (edge.downstream, place)
        for place, spec in enumerate(specs)
        if upstreams_of(spec)
        for key in keys_of(backend, spec)
        for edge in board.graph.pending.get(key, ())
    ]
    left = []
    for seq, place in awaited:
        if board.graph.is_waiting(seq):
            graph.setdefault(-seq, []).append(place)
            left.append(seq)
    seen = set(left)
    added = 0
    while left and added < MOST_EDGES:
        seq = left.pop()
        for below in board.graph.below(seq):
            graph.setdefault(-below, []).append(-seq)
            added += 1
            if below not in seen:
                seen.add(below)
                left.append(below)


def attach(board: Board, specs: Sequence[JobSpec], ids: Sequence[str], backend: str) -> None:
    """Attach the jobs of a batch that was stored; `ids` are those of the jobs of all specs."""
    graph = board.graph
    known = {spec.id: id for spec, id in zip(specs, ids, strict=True)}
    for spec in specs:
        if known[spec.id] != spec.id:
            continue
        job = board.jobs[spec.id]
        if graph.pending:
            graph.meet(keys_of(backend, spec), job)
        if job.state is State.DEFERRED:
            upstreams = [renamed(upstream, known) for upstream in upstreams_of(spec)]
            graph.attach(job, [
                (upstream, find(board, spec.tenant, upstream, backend)
                    or pending_key(backend, spec.tenant, upstream))
                for upstream in upstreams
            ])  # fmt: skip


def find(board: Board, tenant: str, upstream: Upstream, backend: str) -> MemoryJob | None:
    """Return the job that is meant: of a name the unfinished one, else the last that ended."""
    if upstream.id is not None:
        return board.jobs.get(upstream.id)
    name = upstream.task_id or ""
    return board.holders.get(unique_key(backend, tenant, name)) or board.newest.get((tenant, name))
