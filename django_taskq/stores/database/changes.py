"""What callers and operators ask for: each change locks its jobs first, in the order of seq."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from django.db.models import F
from django.db.models.functions import Least

from django_taskq.jobs import sighting
from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.ids import new_id, parse_id
from django_taskq.jobs.reasons import CANCELED_WAITING
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import ENDED, RETRYABLE, WAITING, Failure, State
from django_taskq.jobs.unique import unique_key
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.holders import Holders
from django_taskq.stores.database.inserts import Announce
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.ripples import Ripples, ranks_from
from django_taskq.stores.database.rows import state_of
from django_taskq.stores.database.upkeep import delete_jobs

# Ids per transaction.
CHUNK = 1000

_COPIED = (
    "public_id", "task", "args", "kwargs", "queue", "tenant", "priority", "max_tries",
    "metadata", "options", "gate",
)  # fmt: skip

type Insert = Callable[[Sequence[JobSpec]], list[Inserted]]


class Found(NamedTuple):
    """A job that is locked."""

    seq: int
    id: str
    state: State | str
    tenant: str
    task_id: str | None
    run_id: str | None


class Changes:
    """Cancels, retries, hurries, copies and deletes jobs, many at a time."""

    def __init__(
        self,
        place: Place,
        insert: Insert,
        holders: Holders,
        announce: Announce,
        ripples: Ripples,
    ) -> None:
        self.place = place
        self._ripples = ripples
        self._insert = insert
        self._holders = holders
        self._announce = announce

    def cancel(self, ids: Sequence[str]) -> list[Change]:
        """Cancel waiting jobs at once and ask running ones to stop."""
        return self._change(ids, self._cancel)

    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make failed, canceled and skipped jobs READY with fresh tries."""
        return self._announced(self._change(ids, self._retry))

    def run_now(self, ids: Sequence[str]) -> list[Change]:
        """Make SCHEDULED jobs READY before their time."""
        return self._announced(self._change(ids, self._run_now))

    def amend(self, ids: Sequence[str], amendment: Amendment) -> list[Change]:
        """Give waiting jobs another queue or priority."""
        changes = self._change(ids, partial(self._amend, amendment=amendment))
        if any(change.is_amended and change.before is State.READY for change in changes):
            self._announce()
        return changes

    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each job, ready now."""
        specs: dict[str, JobSpec] = {}
        for chunk in _chunks(ids):
            jobs = self.place.jobs().filter(public_id__in=chunk)
            for public_id, *values in jobs.values_list(*_COPIED):
                copied = dict(zip(_COPIED[1:], values, strict=True))
                specs[str(public_id)] = JobSpec(id=new_id(), **copied)
        known = [parse_id(id) or id for id in ids]
        return self._insert([specs[id] for id in dict.fromkeys(known) if id in specs])

    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs and their history."""
        return sum(self.place.settle(self._delete, chunk) for chunk in _chunks(ids))

    def _change(
        self, ids: Sequence[str], change: Callable[[list[Found]], list[Change]]
    ) -> list[Change]:
        changes: dict[str, Change] = {}
        for chunk in _chunks(ids):
            done = self.place.settle(self._in_lock, chunk, change)
            changes |= {item.id: item for item in done}
        return [changes.get(id) or _named_otherwise(id, changes) for id in ids]

    def _announced(self, changes: list[Change]) -> list[Change]:
        if any(change.before != change.after for change in changes):
            self._announce()
        return changes

    def _in_lock(
        self, ids: Sequence[uuid.UUID], change: Callable[[list[Found]], list[Change]]
    ) -> list[Change]:
        with self.place.transaction():
            return change(self._lock(ids))

    def _lock(self, ids: Sequence[uuid.UUID]) -> list[Found]:
        jobs = self.place.jobs().filter(public_id__in=ids).order_by("pk").select_for_update()
        rows = jobs.values_list("pk", "public_id", "state", "tenant", "task_id", "run_id")
        return [
            Found(
                seq,
                str(id),
                state_of(state),
                tenant,
                task_id,
                None if run_id is None else str(run_id),
            )
            for seq, id, state, tenant, task_id, run_id in rows
        ]

    def _cancel(self, found: list[Found]) -> list[Change]:
        now = storable(self.place.clock.read(self.place.connection))
        changes = self._move(
            found,
            WAITING,
            State.CANCELED,
            failure=Failure.CANCELED,
            reason=CANCELED_WAITING,
            finished_at=now,
            due_at=None,
            is_parked=False,
            parked_for=None,
            is_blocked=False,
            blocked_for=None,
            blocked_at=None,
            unique_key=None,
        )
        self._spread(found, changes)
        running = [job.seq for job in found if job.state is State.RUNNING]
        self._jobs(running).filter(cancel_asked_at__isnull=True).update(cancel_asked_at=now)
        return [
            change._replace(is_asked=True) if change.before is State.RUNNING else change
            for change in changes
        ]

    def _retry(self, found: list[Found]) -> list[Change]:
        held = self._take_keys([job for job in found if job.state in RETRYABLE and job.task_id])
        free = [job for job in found if job.seq not in held]
        refused = [
            Change(job.id, job.state, job.state, held_by=held[job.seq])
            for job in found
            if job.seq in held
        ]
        self._forget_sightings([job.seq for job in free if job.state in RETRYABLE])
        changes = self._move(
            free,
            RETRYABLE,
            State.READY,
            eligible_at=storable(self.place.clock.read(self.place.connection)),
            tries=0,
            lost=0,
            failure=None,
            reason=None,
            finished_at=None,
            due_at=None,
            result=None,
            cancel_asked_at=None,
            worker_id=None,
            claimed_at=None,
        )
        self._spread(free, changes)
        return refused + changes

    def _spread(self, found: list[Found], changes: Sequence[Change]) -> None:
        """Have those who wait for jobs know that these have ended, or have not any more."""
        changed = [
            job.seq
            for job, change in zip(found, changes, strict=True)
            if change.before != change.after
        ]
        self._ripples.spread(changed)
        self._ripples.look_again(changed)

    def _take_keys(self, found: list[Found]) -> dict[int, str]:
        """Give ended jobs their keys back; return who has those of the others."""
        backend = self.place.backend
        return self._holders.give_back(
            (unique_key(backend, job.tenant, job.task_id or "", job.run_id), job.seq)
            for job in found
        )

    def _forget_sightings(self, seqs: Sequence[int]) -> None:
        """Have the time begin anew for which a job is given back that cannot be loaded."""
        seen = self._jobs(seqs).filter(ctx__contains=sighting.KEY)
        for seq, ctx in list(seen.values_list("pk", "ctx")):
            self._jobs([seq]).update(ctx=sighting.forget(ctx))

    def _run_now(self, found: list[Found]) -> list[Change]:
        now = self.place.clock.read(self.place.connection)
        ranks = {name: Least(name, rank) for name, rank in ranks_from(self.place, now).items()}
        return self._move(
            found,
            {State.SCHEDULED},
            State.READY,
            eligible_at=storable(now),
            due_at=None,
            **ranks,
        )

    def _amend(self, found: list[Found], amendment: Amendment) -> list[Change]:
        waiting = [job.seq for job in found if job.state in WAITING]
        if amendment.queue is not None:
            self._jobs(waiting).update(queue=amendment.queue)
        if amendment.priority is not None:
            self._set_priority(waiting, amendment)
        return [
            Change(job.id, job.state, job.state, is_amended=job.state in WAITING) for job in found
        ]

    def _set_priority(self, seqs: Sequence[int], amendment: Amendment) -> None:
        """Write the priority, the band and the rank, by one statement for each priority before."""
        aging = self.place.options.priority_aging
        band = amendment.of(JobSpec("", "")).band
        before: dict[int, list[int]] = defaultdict(list)
        for seq, priority in self._jobs(seqs).values_list("pk", "priority"):
            before[0 if aging is None else priority].append(seq)
        for priority, alike in before.items():
            moved_by = amendment.rank(0, priority, aging)
            rank: Any = moved_by if aging is None else F("rank") + moved_by
            self._jobs(alike).update(priority=amendment.priority, band=band, rank=rank)

    def _move(self, found: list[Found], allowed: Any, state: State, **columns: Any) -> list[Change]:
        """Write the jobs whose state allows it; tell of every job what became of it."""
        self._jobs([job.seq for job in found if job.state in allowed]).update(
            state=state, **columns
        )
        return [
            Change(job.id, job.state, state if job.state in allowed else job.state) for job in found
        ]

    def _delete(self, ids: Sequence[uuid.UUID]) -> int:
        with self.place.transaction():
            ended = [job.seq for job in self._lock(ids) if job.state in ENDED]
            return delete_jobs(self.place, ended, self._ripples)

    def _jobs(self, seqs: Sequence[int]) -> Any:
        return self.place.jobs().filter(pk__in=seqs)


def _named_otherwise(id: str, changes: dict[str, Change]) -> Change:
    """Return the change of an id that is not written as we write it, or is not known."""
    return changes.get(parse_id(id) or id, Change(id, None, None))._replace(id=id)


def _chunks(ids: Sequence[str]) -> list[list[uuid.UUID]]:
    """Return the ids that can be ids at all, each once, in chunks."""
    known = [uuid.UUID(id) for id in dict.fromkeys(map(parse_id, ids)) if id is not None]
    return [known[start : start + CHUNK] for start in range(0, len(known), CHUNK)]
