"""What stands between a job of a memory store and its start; the lock is held."""

from datetime import datetime
from typing import Any

from django_taskq.jobs.outlook import MOST_AHEAD, MOST_UPSTREAMS, Awaited, Closed, Outlook
from django_taskq.jobs.sighting import sighting_in
from django_taskq.jobs.states import ENDED, WAITING, State
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.record import make_record
from django_taskq.stores.memory.roll import Roll


def outlook_of(board: Board, roll: Roll, job: MemoryJob, backend: str, now: datetime) -> Outlook:
    """Return the outlook of a job."""
    facts: dict[str, Any] = {}
    if job.state not in ENDED:
        facts["workers"] = tuple(roll.record(id, now, 0) for id in roll.ids())
    if job.state in WAITING:
        facts["sighting"] = sighting_in(job.ctx)
    if job.state is State.DEFERRED:
        facts["awaited"] = _awaited(board, job)
    if job.state is State.READY:
        facts |= _before(board, job, now)
    record = make_record(job, backend, has_errors=False)
    return Outlook(record=record, now=now, is_local=True, **facts)


def _awaited(board: Board, job: MemoryJob) -> tuple[Awaited, ...]:
    return tuple(
        Awaited(named.id, named.task_id, None, None)
        if upstream is None
        else Awaited(
            upstream.spec.id, upstream.spec.task_id, upstream.spec.task, str(upstream.state)
        )
        for named, upstream in board.graph.awaited(job, MOST_UPSTREAMS + 1)
    )


def _before(board: Board, job: MemoryJob, now: datetime) -> dict[str, Any]:
    """Return what keeps a ready job, or else how many stand before it."""
    queue, tenant, limits = job.spec.queue, job.spec.tenant, board.limits
    is_queue_paused = queue in limits.rules.queues and limits.rules.queues[queue].is_paused
    is_tenant_paused = tenant in limits.rules.tenants and limits.rules.tenants[tenant].is_paused
    waits = [
        (limit, limits.opens_in((limit,), now)) for limit in limits.of(queue, tenant, job.spec.gate)
    ]
    closed = tuple(Closed(limit, opens_in) for limit, opens_in in waits if opens_in != 0)
    facts: dict[str, Any] = {
        "is_queue_paused": is_queue_paused,
        "is_tenant_paused": is_tenant_paused,
        "closed": closed,
    }
    if not (is_queue_paused or is_tenant_paused or closed):
        facts["ahead"] = board.ahead_of(job, MOST_AHEAD + 1)
        facts["beside"] = board.waiting_in(queue, MOST_AHEAD + 1)
    return facts
