"""Workers: how they come, beat and go, and what becomes of the jobs of those that fell silent."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django_taskq.jobs.assignment import read_assignment, write_assignment
from django_taskq.jobs.fate import Death
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.reasons import FELL_SILENT
from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.jobs.workers import Beat, Pulse, WorkerInfo, WorkerRecord
from django_taskq.stores.redis import endings
from django_taskq.stores.redis.codec import read_moment
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.redis.scripts import Scripts


class Leases:
    """Enters workers, renews their leases, takes back what they can no longer hold."""

    def __init__(self, scripts: Scripts, moves: Moves, lease: float, max_lost: int) -> None:
        self._scripts = scripts
        self._moves = moves
        self._lease = int(lease * 1_000_000)
        self._max_lost = max_lost
        self._epochs: dict[str, bytes] = {}

    def join(self, worker: WorkerInfo) -> None:
        """Enter a worker with a fresh lease."""
        self._epochs[worker.id] = self._scripts.run(
            "join", worker.id, self._lease, _write_info(worker), int(worker.is_solo), new_id()
        )

    def heartbeat(self, worker_id: str, pulse: Pulse | None) -> tuple[Beat, bool]:
        """Renew a lease; tell with the answer whether Redis has lost all that it held."""
        told: Sequence[Any] = ("", "")
        if pulse is not None:
            told = (int(pulse.silent_for * 1_000_000), pulse.memory)
        is_alive, epoch, asked, stop = self._scripts.run("beat", worker_id, self._lease, *told)
        if is_alive:
            return Beat(True, frozenset(map(int, asked)), is_stop_asked=bool(stop)), False
        known = self._epochs.pop(worker_id, None)
        return Beat(is_alive=False), known is not None and known != epoch

    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        """Return the seqs of this worker's running jobs that were asked to stop."""
        asked = self._scripts.keys.name("asked:", worker_id)
        return frozenset(map(int, self._scripts.client().smembers(asked)))

    def ask_stop(self, worker_ids: Sequence[str]) -> list[str]:
        """Ask workers that have a lease to stop; return those that were asked."""
        asked: Sequence[bytes] = self._scripts.run("ask", *worker_ids) if worker_ids else ()
        return [worker_id.decode() for worker_id in asked]

    def held(self, worker_id: str) -> list[Fence]:
        """Return the running jobs of this worker."""
        told = self._scripts.run("held", worker_id)
        return [
            Fence(int(seq), int(attempt))
            for seq, attempt in zip(told[::2], told[1::2], strict=True)
        ]

    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds; return how many."""
        self._epochs.pop(worker_id, None)
        ((_, _, is_solo, seqs),) = self._scripts.run("bury", worker_id)
        ends = self._take_back(
            worker_id,
            seqs,
            lambda job, now: endings.give_back(job, worker_id, now, is_solo=bool(is_solo)),
        )
        self._scripts.run("forget", worker_id)
        return len(ends)

    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over, or that have none."""
        buried = self._scripts.run("bury", "")
        if not buried:
            return Reaped()
        workers: list[str] = []
        ends: list[RedisJob] = []
        for name, is_taken, is_solo, seqs in buried:
            worker_id = name.decode()
            if is_taken:
                workers.append(worker_id)
            ends += self._reap(worker_id, seqs, is_solo=bool(is_solo))
        self._scripts.run("forget", *(name for name, *_ in buried))
        ready = [job.text("parked") is not None for job in ends if job.state is State.READY]
        failed, canceled = (
            tuple(job.id for job in ends if job.state is state)
            for state in (State.FAILED, State.CANCELED)
        )
        return Reaped(
            tuple(workers), ready.count(False), failed, suspects=ready.count(True),
            canceled=canceled,
        )  # fmt: skip

    def _reap(self, worker_id: str, seqs: Sequence[bytes], *, is_solo: bool) -> list[RedisJob]:
        death = Death(worker_id, FELL_SILENT, was_alone=is_solo)

        def take_back(job: RedisJob, now: datetime) -> None:
            if job.is_begun or is_solo:
                endings.lose(job, death, self._max_lost, now)
            else:
                endings.give_back(job, worker_id, now, is_solo=False)

        return self._take_back(worker_id, seqs, take_back)

    def _take_back(
        self, worker_id: str, seqs: Sequence[bytes], end: Callable[[RedisJob, datetime], None]
    ) -> list[RedisJob]:
        def decide(job: RedisJob, now: datetime) -> bool:
            if not job.is_held(worker_id, job.attempt):
                return False
            end(job, now)
            return True

        done = self._moves.change((seq.decode() for seq in seqs), decide)
        return [moved.job for moved in done.values() if moved.is_moved]


def worker_of(told: Sequence[Any], now: datetime) -> WorkerRecord:
    """Read a worker as insights tell of it."""
    id, expires, running, info, joined, beat, progress, memory, stop = told
    known = json.loads(info or b"{}")
    expires_at = read_moment(expires)
    queues = known.get("queues")
    return WorkerRecord(
        id=id.decode(),
        name=known.get("name", ""),
        host=known.get("host", ""),
        pid=known.get("pid", 0),
        queues=None if queues is None else tuple(queues),
        started_at=read_moment(joined or 0),
        beat_at=read_moment(beat or 0),
        expires_at=expires_at,
        is_alive=expires_at >= now,
        running=running,
        is_solo=known.get("is_solo", False),
        supervisor_pid=known.get("supervisor_pid"),
        progress_at=read_moment(progress or 0),
        memory=int(memory) if memory else None,
        assignment=read_assignment(known.get("assignment")),
        is_stop_asked=bool(stop),
        threads=known.get("threads"),
        async_concurrency=known.get("async_concurrency"),
    )


def _write_info(worker: WorkerInfo) -> str:
    told = worker._asdict() | {"assignment": write_assignment(worker.assignment)}
    return json.dumps(told)
