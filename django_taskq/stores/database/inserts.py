"""Storing new jobs."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from django_taskq.jobs.origin import NO_ORIGIN, rule_of
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.subjects import has_subject, subject_of
from django_taskq.jobs.unique import Entry, Holder, OnDuplicate, entry_of, twice_in_batch
from django_taskq.jobs.upstreams import have_upstreams
from django_taskq.models import Job
from django_taskq.stores.database.attaching import Attaching
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.holders import FRESH, HolderLeft, Holders
from django_taskq.stores.database.place import Place

# Rows per statement.
CHUNK = 500

# How often a batch is tried again: each time a job that held an id has ended in between.
MOST_ROUNDS = 100

# What a spec with a predictable id changes of a job that waits; the rest stays.
_REPLACED = (
    "task", "args", "kwargs", "queue", "priority", "band", "rank", "gate", "run_after", "due_at",
    "state", "eligible_at", "max_tries", "metadata", "about", "options", "trace", "ctx",
)  # fmt: skip

type Announce = Callable[[], None]


class Numbered(NamedTuple):
    """What a new row has that its spec does not say; `is_due` tells READY from SCHEDULED."""

    seq: int
    rank: int
    at: datetime
    is_due: bool


class Stored(NamedTuple):
    """When jobs were stored; what became of each in turn, nothing where that is not told."""

    at: datetime
    rows: list[Numbered]


class Inserts:
    """Stores jobs inside the transaction of the caller.

    A predictable id that is taken must not become an error of the database, which would break
    that transaction. So `enter` leaves out what it has no room for, and who holds the id is looked
    at in a statement after it.
    """

    # Whether a plain read sees what others have committed; see Holders.
    sees_commits: ClassVar[bool] = False
    # Whether `enter` stores one job by one statement, which needs no transaction around it.
    enters_at_once: ClassVar[bool] = False

    def __init__(self, place: Place, announce: Announce, attaching: Attaching) -> None:
        self.place = place
        self.holders = Holders(place, sees_commits=self.sees_commits)
        self._announce = announce
        self._attaching = attaching

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, all or none, and announce them once they can be seen."""
        if not specs:
            return []
        if any(spec.unique_key for spec in specs):
            return self._insert_named(specs)
        if not _are_rare(specs):
            enqueued_at = self.store(specs)
        elif have_upstreams(specs):
            enqueued_at = self.place.settle(self._store_attached, specs)
        else:
            enqueued_at = self.store_rare(specs)
        return self._tell(specs, enqueued_at)

    def insert_numbered(self, specs: Sequence[JobSpec]) -> tuple[list[Inserted], list[Numbered]]:
        """Store jobs as `insert` does; return beside what became of all, or nothing.

        That is told of plain jobs alone, where the database tells numbers.
        """
        if not specs or _are_rare(specs) or any(spec.unique_key for spec in specs):
            return self.insert(specs), []
        stored = self.store_numbered(specs)
        return self._tell(specs, stored.at), stored.rows

    def _tell(self, specs: Sequence[JobSpec], enqueued_at: datetime) -> list[Inserted]:
        if self._attaching.may_wait:
            self._attaching.meet(specs)
        self._announce()
        return [Inserted(spec.id, enqueued_at) for spec in specs]

    def _store_attached(self, specs: Sequence[JobSpec]) -> datetime:
        with self.place.transaction():
            enqueued_at = self.store_rare(specs)
            self._attaching.attach(specs, [spec.id for spec in specs])
        return enqueued_at

    def _insert_named(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs some of which have predictable ids."""
        for _ in range(MOST_ROUNDS - 1):
            try:
                inserted = self.place.settle(self._insert_round, specs)
                break
            except HolderLeft:
                continue
        else:
            inserted = self.place.settle(self._insert_round, specs)
        if any(item.entry is not Entry.EXISTING for item in inserted):
            if self._attaching.may_wait:
                self._attaching.meet(specs)
            self._announce()
        return inserted

    def _insert_round(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        if self.enters_at_once and len(specs) == 1 and not _are_rare(specs):
            return self._enter_or_settle(specs)
        with self.place.transaction():
            return self._enter_or_settle(specs)

    def _enter_or_settle(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store what finds its id free, then settle what does not, in the order of the batch."""
        firsts = {_name(spec): spec for spec in reversed(specs)}
        first = [spec for spec in specs if firsts[_name(spec)] is spec]
        now, entered = Inserts.enter(self, first) if _are_rare(first) else self.enter(first)
        left = [spec.unique_key for spec in specs if spec.id not in entered and spec.unique_key]
        held = self.holders.find(left) if left else {}
        inserted = [
            Inserted(spec.id, now) if spec.id in entered else self._settle(spec, held, entered, now)
            for spec in specs
        ]
        if have_upstreams(specs):
            self._attaching.attach(specs, [item.id for item in inserted])
        return inserted

    def _settle(
        self, spec: JobSpec, held: dict[str, Holder], entered: set[str], now: datetime
    ) -> Inserted:
        key = spec.unique_key or ""
        holder = held.get(key)
        if holder is None:
            raise HolderLeft(
                f"The jobs with the task_id {spec.task_id!r} ended again and again while it was "
                "asked for. Enqueue once more."
            )
        if holder.id in entered and spec.on_duplicate is OnDuplicate.RAISE:
            raise twice_in_batch(spec.task_id or "")
        entry = entry_of(spec.on_duplicate, spec.task_id, holder)
        if entry is Entry.REPLACED:
            held[key] = self._replace(spec, holder, now)
        return Inserted(holder.id, holder.enqueued_at, entry)

    def _replace(self, spec: JobSpec, holder: Holder, now: datetime) -> Holder:
        """Change a job that has not started in place, fenced; return how it stands then."""
        # One that was ready keeps its time: else a busy id would never come to its turn.
        since = holder.eligible_at if holder.state == State.READY else None
        row = self._row(spec, now, since)
        columns: dict[str, Any] = {name: getattr(row, name) for name in _REPLACED}
        jobs = self.place.jobs().filter(
            public_id=uuid.UUID(holder.id), unique_key=spec.unique_key, **FRESH
        )
        if not jobs.update(**columns):
            raise HolderLeft(f"Job {holder.id} has started while it was to be replaced.")
        return holder._replace(state=State(row.state), eligible_at=since or now)

    def enter(self, specs: Sequence[JobSpec]) -> tuple[datetime, set[str]]:
        """Write those rows whose keys are free; return when that was, and the ids of these."""
        place = self.place
        now = place.clock.read(place.connection)
        # Whoever waits for the key of another batch has not taken one that this is to wait for.
        ordered = sorted(specs, key=_name)
        self.write_free([self._row(spec, now) for spec in ordered])
        held = self.holders.find([spec.unique_key for spec in specs if spec.unique_key])
        ids = {holder.id for holder in held.values()}
        return now, {spec.id for spec in specs if not spec.unique_key or spec.id in ids}

    def write_free(self, rows: Sequence[Job]) -> None:
        """Write those rows whose keys are free."""
        jobs = Job._default_manager.using(self.place.database)
        jobs.bulk_create(rows, batch_size=CHUNK, ignore_conflicts=True)

    def store(self, specs: Sequence[JobSpec]) -> datetime:
        """Write the rows and return when that was."""
        return Inserts.store_numbered(self, specs).at

    def store_numbered(self, specs: Sequence[JobSpec]) -> Stored:
        """Write the rows and return what became of them, where the database tells that."""
        place = self.place
        now = place.clock.read(place.connection)
        rows = [self._row(spec, now) for spec in specs]
        with place.transaction():
            Job._default_manager.using(place.database).bulk_create(rows, batch_size=CHUNK)
        if not place.connection.features.can_return_rows_from_bulk_insert:
            return Stored(now, [])
        told = [Numbered(row.pk, row.rank, now, row.state == State.READY) for row in rows]
        return Stored(now, told)

    def store_rare(self, specs: Sequence[JobSpec]) -> datetime:
        """Write rows that may have any column at all, and return when that was."""
        return Inserts.store(self, specs)

    def _row(self, spec: JobSpec, now: datetime, since: datetime | None = None) -> Job:
        """Make the row of a spec; one that is due has waited `since` then."""
        is_due = is_due_at(spec, now)
        since = since or now
        origin = spec.origin or NO_ORIGIN
        columns: dict[str, Any] = {
            "state": State.READY if is_due else State.SCHEDULED,
            "eligible_at": storable(since) if is_due else None,
            "due_at": None if is_due else storable(spec.run_after),
        }
        if origin.upstreams:
            columns = {
                "state": State.DEFERRED,
                "trigger_rule": rule_of(origin),
                "upstream_total": len(set(origin.upstreams)),
                "upstream_successful": 0,
                "upstream_failed": 0,
                "upstream_skipped": 0,
            }
        return Job(
            public_id=uuid.UUID(spec.id),
            backend=self.place.backend,
            task=spec.task,
            queue=spec.queue,
            tenant=spec.tenant,
            args=spec.args,
            kwargs=spec.kwargs,
            options=spec.options,
            metadata=spec.metadata,
            about=subject_of(spec.metadata),
            max_tries=spec.max_tries,
            priority=spec.priority,
            band=spec.band,
            rank=spec.rank(self.place.options.priority_aging, since),
            gate=spec.gate,
            task_id=spec.task_id,
            unique_key=spec.unique_key,
            trace=spec.trace,
            run_id=origin.run_id,
            node=origin.node,
            map_index=origin.map_index,
            schedule_id=origin.schedule_id,
            scheduled_for=storable(origin.scheduled_for),
            run_after=storable(spec.run_after),
            enqueued_at=storable(now),
            **columns,
        )


def is_due_at(spec: JobSpec, now: datetime) -> bool:
    """Tell whether a job may run at once."""
    return spec.run_after is None or spec.run_after <= now


def _are_rare(specs: Sequence[JobSpec]) -> bool:
    """Tell whether any of these has columns that the vendors' short statements leave out."""
    return any(spec.origin is not None or has_subject(spec.metadata) for spec in specs)


def _name(spec: JobSpec) -> str:
    """Return what stands for a spec among those of its batch."""
    return spec.unique_key or spec.id
