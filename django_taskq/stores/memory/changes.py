"""What callers and operators ask of a job, one at a time."""

from collections.abc import Callable
from datetime import datetime

from django_taskq.jobs import sighting
from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.reasons import CANCELED_WAITING
from django_taskq.jobs.states import RETRYABLE, WAITING, State
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob

CLOSED = "The pool was closed."

type Move = Callable[[Board, MemoryJob, datetime], Change]


def cancel(board: Board, job: MemoryJob, now: datetime) -> Change:
    """Cancel a job that waits; ask one that runs to stop."""
    id, before = job.spec.id, job.state
    if before is State.RUNNING:
        job.cancel_asked_at = job.cancel_asked_at or now
        return Change(id, before, before, is_asked=True)
    if before in WAITING:
        cancel_waiting(board, job, CANCELED_WAITING, now)
    return Change(id, before, job.state)


def cancel_waiting(board: Board, job: MemoryJob, reason: str, now: datetime) -> None:
    """End a job that waits."""
    board.take_out(job)
    board.cancel(job, reason, now)


def cancel_all(board: Board, now: datetime) -> None:
    """End every job that waits, since the pool is closed."""
    for job in list(board.jobs.values()):
        if job.state in WAITING:
            cancel_waiting(board, job, CLOSED, now)


def retry(board: Board, job: MemoryJob, now: datetime) -> Change:
    """Make a job that ended badly READY, with fresh tries and all of its history."""
    before = job.state
    if before in RETRYABLE:
        key = job.spec.unique_key
        if key is not None:
            holder = board.holders.setdefault(key, job)
            if holder is not job:
                return Change(job.spec.id, before, before, held_by=holder.spec.id)
        board.take_out(job)
        job.tries = job.lost = 0
        job.failure = job.reason = job.finished_at = job.cancel_asked_at = None
        job.worker_id = job.claimed_at = None
        job.ctx = sighting.forget(job.ctx)
        board.make_ready(job, now)
        board.graph.note(job)
    return Change(job.spec.id, before, job.state)


def run_now(board: Board, job: MemoryJob, now: datetime) -> Change:
    """Make a SCHEDULED job READY before its time."""
    before = job.state
    if before is State.SCHEDULED:
        board.take_out(job)
        board.make_ready(job, now)
    return Change(job.spec.id, before, job.state)


def amending(amendment: Amendment) -> Move:
    """Return what gives a waiting job another queue or priority."""

    def amend(board: Board, job: MemoryJob, now: datetime) -> Change:
        """Change a job that waits where it stands; leave any other."""
        is_waiting = job.state in WAITING
        if is_waiting:
            board.amend(job, amendment)
        return Change(job.spec.id, job.state, job.state, is_amended=is_waiting)

    return amend
