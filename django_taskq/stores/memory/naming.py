"""Jobs with predictable ids in memory: who holds one, and what becomes of a second enqueue."""

from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, Holder, OnDuplicate, entry_of, twice_in_batch
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob


def holder_of(job: MemoryJob) -> Holder:
    """Return a job as the one that holds its id."""
    is_fresh = (
        job.state in (State.READY, State.SCHEDULED)
        and job.started_at is None
        and job.worker_ids is None
    )
    return Holder(job.spec.id, job.state, job.enqueued_at, job.eligible_at, is_fresh)


def insert(board: Board, specs: Sequence[JobSpec], now: datetime) -> list[Inserted]:
    """Put jobs where they belong, all or none. Raise DuplicateJob before anything is changed."""
    _check(board, specs)
    return [_insert(board, spec, now) for spec in specs]


def _check(board: Board, specs: Sequence[JobSpec]) -> None:
    named: set[str] = set()
    for spec in specs:
        key = spec.unique_key
        if key is None:
            continue
        job = board.holders.get(key)
        if job is not None:
            entry_of(spec.on_duplicate, spec.task_id, holder_of(job))
        elif key in named and spec.on_duplicate is OnDuplicate.RAISE:
            raise twice_in_batch(spec.task_id or "")
        named.add(key)


def _insert(board: Board, spec: JobSpec, now: datetime) -> Inserted:
    job = None if spec.unique_key is None else board.holders.get(spec.unique_key)
    if job is None:
        board.add(spec, now)
        return Inserted(spec.id, now)
    entry = entry_of(spec.on_duplicate, spec.task_id, holder_of(job))
    if entry is Entry.REPLACED:
        board.replace(job, spec, now)
    return Inserted(job.spec.id, job.enqueued_at, entry)
