"""Jobs with predictable ids whose enqueue waits for a commit."""

import logging
from collections.abc import Sequence

from django_taskq.exceptions import DuplicateJob, InvalidPipeline
from django_taskq.jobs.clock import host_time
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.unique import Entry, entry_of
from django_taskq.stores.base import Store

logger = logging.getLogger("django_taskq")


def foresee(store: Store, specs: Sequence[JobSpec]) -> list[Inserted]:
    """Return what will become of specs, as far as it can be seen before they are stored.

    Raise DuplicateJob where a job that is there already refuses one of them.
    """
    now = host_time()
    keys = [spec.unique_key for spec in specs if spec.unique_key is not None]
    held = store.holders(keys) if keys else {}
    foreseen = []
    for spec in specs:
        holder = held.get(spec.unique_key or "")
        if holder is None:
            foreseen.append(Inserted(spec.id, now))
        else:
            entry = entry_of(spec.on_duplicate, spec.task_id, holder)
            foreseen.append(Inserted(holder.id, holder.enqueued_at, entry))
    return foreseen


def insert_later(store: Store, specs: Sequence[JobSpec], foreseen: Sequence[Inserted]) -> None:
    """Store after the commit what was to be stored; log what somebody else was faster with.

    Nothing may be raised here for that: the caller's transaction is over.
    """
    wanted = [
        (spec, item)
        for spec, item in zip(specs, foreseen, strict=True)
        if item.entry is not Entry.EXISTING
    ]
    try:
        inserted = store.insert([spec for spec, _ in wanted])
    except (DuplicateJob, InvalidPipeline) as error:
        logger.error("%d jobs were not stored after the commit: %s", len(wanted), error)
        return
    for (spec, promised), item in zip(wanted, inserted, strict=True):
        if item.id != promised.id:
            logger.warning(
                "After the commit the task_id %r belongs to job %s, not to %s, whose result was "
                "returned before.",
                spec.task_id,
                item.id,
                promised.id,
            )
