"""Storing new jobs."""

from collections.abc import Sequence
from typing import Any

from django_taskq.jobs.ids import new_id
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, Holder, duplicate, twice_in_batch
from django_taskq.stores.archive import Archive
from django_taskq.stores.redis.codec import (
    read_moment,
    read_state,
    write_lane,
    write_moment,
    write_spec,
)
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.redis.scripts import Argument, Scripts

# Jobs per script where a batch may be cut: Redis does nothing else while one runs.
CHUNK = 5000
# Characters of the longest spec that goes along with a ring.
LONGEST_HANDED = 8000

_ENTRIES = {entry.value.encode(): entry for entry in Entry}


class Inserts:
    """Stores jobs. One script is all or none; a batch of more than CHUNK is cut, unless any of
    its jobs has a predictable id or comes from a schedule.
    """

    def __init__(
        self, scripts: Scripts, moves: Moves, archive: Archive, aging: float | None
    ) -> None:
        self._scripts = scripts
        self._moves = moves
        self._archive = archive
        self._aging = aging

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs. Raise DuplicateJob before anything is changed."""
        if len(specs) == 1 and _is_plain(specs[0]):
            return [self._put(specs[0])]
        ticked = [spec.id for spec in specs if spec.origin and spec.origin.schedule_id is not None]
        if ticked:
            return self._insert_ticked(specs, ticked)
        if any(spec.unique_key for spec in specs):
            return self._insert_named(specs)
        inserted: list[Inserted] = []
        enqueued_at = None
        for start in range(0, len(specs), CHUNK):
            chunk = specs[start : start + CHUNK]
            (now,) = self._run(chunk, is_named=False)
            enqueued_at = enqueued_at or read_moment(now)
            inserted += [Inserted(spec.id, enqueued_at) for spec in chunk]
        return inserted

    def _put(self, spec: JobSpec) -> Inserted:
        aging = self._aging
        (now,) = self._scripts.run(
            "put", 0 if aging is None else 1, new_id(), spec.id, spec.task,
            write_lane(Lane(spec.queue, spec.band, spec.tenant), spec.gate),
            _rank(spec, aging), write_spec(spec), spec.metadata or "", LONGEST_HANDED,
        )  # fmt: skip
        return Inserted(spec.id, read_moment(now))

    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that hold these keys."""
        if not unique_keys:
            return {}
        unique = self._scripts.keys.name("unique")
        seqs = self._scripts.client().hmget(unique, unique_keys)
        known = {key: seq.decode() for key, seq in zip(unique_keys, seqs, strict=True) if seq}
        jobs = self._moves.load(known.values())
        found = {}
        for key, seq in known.items():
            job = jobs.get(seq)
            if job is not None:
                record = job.record("", has_errors=False)
                is_fresh = (
                    record.state in (State.READY, State.SCHEDULED)
                    and record.started_at is None
                    and record.worker_ids_json is None
                )
                found[key] = Holder(
                    record.id, record.state, record.enqueued_at, record.eligible_at, is_fresh
                )
        return found

    def _insert_ticked(self, specs: Sequence[JobSpec], ids: Sequence[str]) -> list[Inserted]:
        """Store jobs of schedules, but for those that were stored before.

        A tick is fired once more where whoever fired it died before its row was written. Redis is
        asked before the archive: what has left the one is in the other by then.
        """
        jobs = self._moves.load_by_id(ids).values()
        known = {job.id: read_moment(job.text("enqueued") or 0) for job in jobs}
        rest = [id for id in ids if id not in known]
        if rest:
            known |= {record.id: record.enqueued_at for record in self._archive.get(rest)}
        new = [spec for spec in specs if spec.id not in known]
        stored = iter(self._insert_named(new) if new else ())
        return [
            Inserted(spec.id, known[spec.id], Entry.EXISTING) if spec.id in known else next(stored)
            for spec in specs
        ]

    def _insert_named(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        told = self._run(specs, is_named=True)
        if told[0] == b"held":
            _, place, id, state, enqueued, eligible, is_fresh = told
            spec = specs[place]
            holder = Holder(
                id.decode(), read_state(state.decode()), read_moment(enqueued),
                read_moment(eligible) if eligible else None, bool(is_fresh),
            )  # fmt: skip
            raise duplicate(spec.on_duplicate, spec.task_id or "", holder)
        if told[0] == b"twice":
            raise twice_in_batch(specs[told[1]].task_id or "")
        return [
            Inserted(id.decode(), read_moment(enqueued), _ENTRIES[entry])
            for id, enqueued, entry in told[1:]
        ]

    def _run(self, specs: Sequence[JobSpec], *, is_named: bool) -> Any:
        aging = self._aging
        arguments: list[Argument] = []
        for spec in specs:
            run_after = spec.run_after
            schedule = None if spec.origin is None else spec.origin.schedule_id
            arguments += (
                spec.id,
                spec.task,
                write_lane(Lane(spec.queue, spec.band, spec.tenant), spec.gate),
                _rank(spec, aging),
                "" if run_after is None else write_moment(run_after),
                write_spec(spec),
                spec.metadata or "",
                spec.unique_key or "",
                spec.on_duplicate,
                "" if schedule is None else schedule,
            )
        ages = 0 if aging is None else 1
        return self._scripts.run("insert", ages, new_id(), int(is_named), *arguments)


def _is_plain(spec: JobSpec) -> bool:
    """Tell whether a job is ready at once, and another one whatever there is already."""
    return spec.run_after is None and spec.unique_key is None and spec.origin is None


def _rank(spec: JobSpec, aging: float | None) -> int:
    """Return the rank, or by how many milliseconds a job is ahead where ranks age."""
    return -spec.priority if aging is None else int(spec.priority * aging * 1000)
