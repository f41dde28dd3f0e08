"""The half of a pair that hands out: jobs that stand in rows, as their rows say."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from redis.exceptions import OutOfMemoryError

from django_taskq.jobs.fence import Fence
from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.states import State
from django_taskq.jobs.sweeps import LineFull
from django_taskq.stores.pairing import Grave, Hold
from django_taskq.stores.redis.codec import (
    read_moment,
    read_state,
    write_attempts,
    write_lane,
    write_moment,
    write_seq,
    write_spec,
)
from django_taskq.stores.redis.scripts import Scripts

# What the script is told of a job.
type Given = tuple[str, str, str, int, str, str, Sequence[str]]

# Jobs per script, and about how many bytes: Redis does nothing else while one runs.
CHUNK = 1000
MOST_BYTES = 500_000


class Handing:
    """Enters, frees and looks at jobs by their rows' numbers; decides nothing about them."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def give(self, jobs: Sequence[HandedJob], *, is_locked: bool) -> int:
        """Make what is here of jobs say what their rows say; return how many were entered."""
        try:
            return sum(self._give(given, is_locked=is_locked) for given in _chunks(jobs))
        except OutOfMemoryError as error:
            raise LineFull(f"Redis has no memory for more jobs: {error}") from error

    def drop(self, seqs: Iterable[int]) -> None:
        """Have jobs leave whose rows are gone."""
        for chunk in batched(seqs, CHUNK):
            gone = [(write_seq(seq), "", "", 0, "", "", ()) for seq in chunk]
            self._give(gone, is_locked=True)

    def free(self, worker_id: str, fences: Sequence[Fence], *, is_limited: bool) -> None:
        """Take jobs that have ended out of the hand of a worker."""
        for chunk in batched(fences, CHUNK):
            told = json.dumps([(write_seq(seq), str(attempt)) for seq, attempt in chunk])
            self._scripts.run("free", worker_id, int(is_limited), told)

    def look(self, keys: Sequence[int | str]) -> dict[int, Hold]:
        """Return where jobs stand that are here, by number; asked by numbers or public ids."""
        seqs = [write_seq(key) for key in keys if isinstance(key, int)]
        ids = [id for key in keys if isinstance(key, str) and (id := parse_id(key))]
        return {hold.seq: hold for hold in (*self._stand("seq", seqs), *self._stand("id", ids))}

    def withdraw(self, ids: Sequence[str]) -> list[Hold]:
        """Have jobs leave that wait, so that nobody gets them; return those somebody holds."""
        known = [id for id in map(parse_id, ids) if id is not None]
        stood = list(self._stand("id", known, is_leaving=True))
        return [hold for hold in stood if hold.state is State.RUNNING]

    def running(self) -> list[int]:
        """Return the numbers of all jobs that are in somebody's hand."""
        client, keys = self._scripts.client(), self._scripts.keys
        workers = client.smembers(keys.name("hands"))
        return [
            int(seq)
            for worker in workers
            for seq in client.smembers(keys.name("hand:", worker.decode()))
        ]

    def spent(self, keys: Sequence[str]) -> tuple[dict[str, int], dict[str, datetime | None]]:
        """Tell by their keys how many jobs run under limits, and when the next one may start."""
        client, names = self._scripts.client(), self._scripts.keys
        running = client.hmget(names.name("running"), keys)
        rates = client.mget([names.name("rate:", key) for key in keys])
        return (
            {key: int(count or 0) for key, count in zip(keys, running, strict=True)},
            {key: _read(due or b"") for key, due in zip(keys, rates, strict=True)},
        )

    def is_solo(self, worker_id: str) -> bool:
        """Tell whether a worker runs suspects."""
        key = self._scripts.keys.name("worker:", worker_id)
        return bool(self._scripts.client().hget(key, "solo") == b"1")

    def bury(self, worker_id: str | None = None) -> list[Grave]:
        """Take the leases that are over from their workers, or that of one; tell what they hold."""
        return [
            Grave(name.decode(), bool(is_taken), bool(is_solo), tuple(map(int, seqs)))
            for name, is_taken, is_solo, seqs in self._scripts.run("bury", worker_id or "")
        ]

    def forget(self, worker_ids: Sequence[str]) -> None:
        """Forget workers that have no lease and hold nothing any more."""
        if worker_ids:
            self._scripts.run("forget", *worker_ids)

    def _give(self, given: Sequence[Given], *, is_locked: bool) -> int:
        told = json.dumps(given, separators=(",", ":"))
        return int(self._scripts.run("give", told, "" if is_locked else "1"))

    def _stand(self, by: str, names: Sequence[str], *, is_leaving: bool = False) -> Iterator[Hold]:
        for chunk in batched(names, CHUNK):
            for seq, id, state, attempt, worker, claimed, eligible in self._scripts.run(
                "stand", by, int(is_leaving), *chunk
            ):
                yield Hold(
                    int(seq), id.decode(), read_state(state.decode()), int(attempt),
                    worker.decode() or None, _read(claimed), _read(eligible),
                )  # fmt: skip


def _chunks(jobs: Sequence[HandedJob]) -> Iterator[list[Given]]:
    """Return what the script is told of jobs, in pieces that Redis takes at once."""
    given: list[Given] = []
    size = 0
    for job in jobs:
        given.append(_given(job))
        size += len(job.spec.args) + len(job.spec.kwargs) + len(job.spec.metadata or "")
        if len(given) >= CHUNK or size >= MOST_BYTES:
            yield given
            given, size = [], 0
    if given:
        yield given


def _read(stored: bytes) -> datetime | None:
    return read_moment(stored) if stored else None


def _given(job: HandedJob) -> Given:
    is_waiting = job.state in (State.READY, State.SCHEDULED)
    due_at = job.due_at if job.state == State.SCHEDULED else None
    return (
        write_seq(job.seq),
        job.spec.id,
        str(job.state),
        job.attempt,
        "" if due_at is None else str(write_moment(due_at)),
        "1" if job.cancel_asked_at is not None else "",
        _fields_of(job) if is_waiting else (),
    )


def _fields_of(job: HandedJob) -> list[str]:
    """Return what of a job stands here as long as it is handed out, as fields and values."""
    spec = job.spec
    known: dict[str, Any] = {
        "task": spec.task,
        "lane": write_lane(Lane(spec.queue, spec.band, spec.tenant), spec.gate),
        "rank": job.rank,
        "spec": write_spec(spec),
        "enqueued": write_moment(job.enqueued_at),
        "schedule": None if spec.origin is None else spec.origin.schedule_id,
        "metadata": spec.metadata,
        "attempt": job.attempt or None,
        "tries": job.tries or None,
        "lost": job.lost or None,
        "eligible": job.eligible_at and write_moment(job.eligible_at),
        "due": job.due_at and write_moment(job.due_at),
        "started": job.started_at and write_moment(job.started_at),
        "workers": job.worker_ids,
        "ctx": job.ctx,
        "parked": job.parked_for,
        "attempts": write_attempts(job.attempts) if job.attempts else None,
    }
    return [
        part for name, value in known.items() if value is not None for part in (name, str(value))
    ]
