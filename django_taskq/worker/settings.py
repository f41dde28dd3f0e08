"""How one worker is to run."""

import os
import secrets
import socket
from dataclasses import dataclass

from django_taskq.jobs.assignment import assignment_of
from django_taskq.jobs.tenants import Tenants
from django_taskq.jobs.workers import WorkerInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What `runworker` or a pool asks of a worker. Durations are in seconds.

    A solo worker takes suspects, and nothing else. `pool` is the name of its named pool. With
    `tenants` it serves these first, and those in `steal` where these have nothing. One that
    `is_scheduler` fires schedules too; with `is_idle` it does that alone and takes no jobs.
    """

    name: str = ""
    pool: str = ""
    queues: tuple[str, ...] | None = None
    excluded_queues: frozenset[str] = frozenset()
    tenants: Tenants | None = None
    steal: Tenants | None = None
    threads: int = 10
    async_concurrency: int = 100
    is_burst: bool = False
    is_solo: bool = False
    is_scheduler: bool = False
    is_idle: bool = False
    supervisor_pid: int | None = None
    max_jobs: int | None = None
    grace: float = 25.0
    poll_interval: float = 1.0

    def new_worker_id(self) -> str:
        """Make an id for one life of the worker: a name people know, and what tells lives apart."""
        name = self.name or f"{socket.gethostname()[:60]}:{os.getpid()}"
        return f"{name}/{self.pool}:{_life()}" if self.pool else f"{name}:{_life()}"

    def thread_name(self, alias: str) -> str:
        """Return how the names of the worker's threads begin."""
        return f"taskq-{self.pool}-{alias}" if self.pool else f"taskq-{alias}"

    def introduce(self, worker_id: str) -> WorkerInfo:
        """Return how the worker introduces itself to its store in one life."""
        return WorkerInfo(
            worker_id,
            worker_id.rpartition(":")[0],
            socket.gethostname()[:255],
            os.getpid(),
            self.queues,
            self.threads,
            self.async_concurrency,
            is_solo=self.is_solo,
            supervisor_pid=self.supervisor_pid,
            assignment=assignment_of(self.tenants, self.steal),
        )


def _life() -> str:
    return secrets.token_hex(4)
