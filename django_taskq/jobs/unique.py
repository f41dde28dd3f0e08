"""Predictable ids: one unfinished job for each `task_id` of a tenant."""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from django_taskq.exceptions import DuplicateJob
from django_taskq.jobs.states import State

LONGEST_TASK_ID = 200


class OnDuplicate(StrEnum):
    """What becomes of an enqueue whose `task_id` an unfinished job has already."""

    RAISE = "raise"
    RETURN = "return"
    REPLACE = "replace"


class Entry(StrEnum):
    """How a spec came to its job: as a new one, as one that was there, or in the place of one."""

    NEW = "new"
    EXISTING = "existing"
    REPLACED = "replaced"


class Holder(NamedTuple):
    """The unfinished job that holds a predictable id; `is_fresh` where it has never started."""

    id: str
    state: State | str
    enqueued_at: datetime
    eligible_at: datetime | None
    is_fresh: bool


def unique_key(backend: str, tenant: str, task_id: str, run_id: str | None = None) -> str:
    """Return what no two unfinished jobs of a store share; 64 characters."""
    # Lengths keep ("a", "bc") and ("ab", "c") apart, whatever the names contain.
    parts = (backend, tenant, run_id or "", task_id)
    return sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


def entry_of(on_duplicate: OnDuplicate, task_id: str | None, holder: Holder) -> Entry:
    """Decide what becomes of a spec whose id another job holds. Raise DuplicateJob."""
    if on_duplicate is OnDuplicate.RETURN:
        return Entry.EXISTING
    if on_duplicate is OnDuplicate.REPLACE and holder.is_fresh:
        return Entry.REPLACED
    raise duplicate(on_duplicate, task_id or "", holder)


def duplicate(on_duplicate: OnDuplicate, task_id: str, holder: Holder) -> DuplicateJob:
    """Return the error that names the job which holds a predictable id, and the ways out."""
    held = f"The task_id {task_id!r} is held by job {holder.id}, which is {holder.state}"
    if on_duplicate is OnDuplicate.REPLACE:
        text = f"{held} and has started: only a job that has not can be replaced. Wait for its end"
    else:
        text = f"{held}. Wait for its end"
    return DuplicateJob(
        f"{text}, cancel it, or enqueue with on_duplicate='return' for its result.",
        holder.id,
        task_id,
    )


def twice_in_batch(task_id: str) -> DuplicateJob:
    """Return the error about two calls of one batch that have the same predictable id."""
    return DuplicateJob(
        f"Expected the calls of one batch to have different ids, got the task_id {task_id!r} more "
        "than once. Leave one of them out, or enqueue with on_duplicate='return'.",
        None,
        task_id,
    )
