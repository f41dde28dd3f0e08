"""A worker as it introduces itself, as a store knows it, and what a heartbeat says."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django_taskq.jobs.assignment import Assignment


class WorkerInfo(NamedTuple):
    """A worker as it introduces itself; a solo one runs one suspect, alone in its process."""

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...] | None = None
    threads: int = 0
    async_concurrency: int = 0
    is_solo: bool = False
    supervisor_pid: int | None = None
    assignment: Assignment | None = None


class WorkerRecord(NamedTuple):
    """A worker as the store knows it; None is what that has not been told."""

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...] | None
    started_at: datetime
    beat_at: datetime
    expires_at: datetime
    is_alive: bool
    running: int
    is_solo: bool = False
    supervisor_pid: int | None = None
    progress_at: datetime | None = None
    memory: int | None = None
    assignment: Assignment | None = None
    is_stop_asked: bool = False
    threads: int | None = None
    async_concurrency: int | None = None

    @property
    def stall(self) -> timedelta:
        """How long the claim loop had not advanced at the last heartbeat."""
        return stall_of(self.beat_at, self.progress_at)


class Pulse(NamedTuple):
    """How a worker does, as its own heartbeat tells.

    `silent_for` are the seconds since its claim loop should have advanced, 0 while it does.
    `memory` is what its process holds, in bytes. `late_results` counts those refused so far.
    """

    silent_for: float
    memory: int
    late_results: int = 0


class Beat(NamedTuple):
    """A store's answer to a heartbeat.

    `is_alive` is False when the lease was lost and the jobs were taken back: the worker must
    join again under a new id. `is_stop_asked` asks the worker to stop after what it runs.
    """

    is_alive: bool
    cancel_asked: frozenset[int] = frozenset()
    is_stop_asked: bool = False


def stall_of(beat_at: datetime, progress_at: datetime | None) -> timedelta:
    """Return how long a claim loop had not advanced at a heartbeat.

    Not until now: between two heartbeats nobody knows.
    """
    return timedelta(0) if progress_at is None else max(timedelta(0), beat_at - progress_at)


class LeaseLost(RuntimeError):
    """A worker asks for jobs though its lease is gone: it has to go on under a new id."""

    def __init__(self, worker_id: str) -> None:
        super().__init__(f"Worker {worker_id} has no lease any more; what it holds is void.")
