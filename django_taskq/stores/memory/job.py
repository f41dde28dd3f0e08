"""A job as the memory store keeps it, and the values it is shown as."""

from datetime import datetime
from typing import Any

from django_taskq.jobs import payload
from django_taskq.jobs.attempt import AttemptRecord, errors_in, with_attempt
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.origin import NO_ORIGIN
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import ENDED, Failure, State


class MemoryJob:
    """What changes of a job beside the spec it came as.

    A plain object with slots: one is made per enqueued job, on the hot path. `entry` is its
    place in a line while it stands in one. `is_started` and `start_by` are about the present
    attempt.
    """

    __slots__ = (
        "attempt", "attempts", "blocked_for", "cancel_asked_at", "claimed_at", "ctx", "due_at",
        "eligible_at", "enqueued_at", "entry", "failure", "finished_at", "is_started",
        "last_attempted_at", "lost", "metadata", "progress", "rank", "reason", "result", "seq",
        "spec", "start_by", "started_at", "state", "tries", "worker_id", "worker_ids",
    )  # fmt: skip

    def __init__(self, seq: int, spec: JobSpec, rank: int, enqueued_at: datetime) -> None:
        self.seq = seq
        self.spec = spec
        self.rank = rank
        self.state = State.READY
        self.failure: Failure | None = None
        self.reason: str | None = None
        self.attempt = 0
        self.tries = 0
        self.lost = 0
        self.enqueued_at = enqueued_at
        self.eligible_at: datetime | None = None
        self.due_at: datetime | None = None
        self.claimed_at: datetime | None = None
        self.started_at: datetime | None = None
        self.last_attempted_at: datetime | None = None
        self.finished_at: datetime | None = None
        self.cancel_asked_at: datetime | None = None
        self.worker_id: str | None = None
        self.worker_ids: str | None = None
        self.result: str | None = None
        self.metadata = spec.metadata
        self.progress: str | None = None
        self.ctx: str | None = None
        self.attempts: tuple[AttemptRecord, ...] = ()
        self.is_started = False
        self.start_by: float | None = None
        self.blocked_for: str | None = None
        self.entry: tuple[Any, int, MemoryJob] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the job has not ended and nothing that failed holds it up."""
        return self.state not in ENDED and self.blocked_for is None

    def start(self, at: datetime) -> None:
        """Note that the function of the present attempt has started."""
        if not self.is_started:
            self.is_started = True
            self.last_attempted_at = at
            if self.started_at is None:
                self.started_at = at

    def runs_for(self, now: datetime) -> float | None:
        """Return for how many seconds the present attempt has run, None where that is not known."""
        started_at = self.last_attempted_at if self.is_started else None
        return None if started_at is None else (now - started_at).total_seconds()

    def keep(self, attempt: AttemptRecord | None) -> None:
        """Keep what is to be kept of an attempt that is over."""
        if attempt is not None:
            self.attempts = with_attempt(self.attempts, attempt)

    def list_worker(self) -> None:
        """Put the worker that holds the job on the list of those that started it."""
        listed = payload.decode(self.worker_ids or "[]")
        self.worker_ids = payload.encode([*listed, self.worker_id], "the worker ids")


def make_claim(job: MemoryJob, read_at: float) -> Claim:
    """Return a running job as its worker gets it."""
    spec = job.spec
    origin = spec.origin or NO_ORIGIN
    return Claim(
        job.seq, spec.id, spec.task, spec.args, spec.kwargs, spec.queue, spec.tenant,
        spec.priority, job.attempt, job.tries, job.lost, spec.max_tries,
        job.worker_id,  # type: ignore[arg-type]
        job.enqueued_at, spec.run_after,
        job.claimed_at,  # type: ignore[arg-type]
        job.started_at, job.worker_ids, job.metadata, spec.options, job.ctx, spec.trace,
        origin.run_id, origin.node, origin.map_index, origin.scheduled_for, spec.task_id, read_at,
        errors_in(job.attempts) if job.attempts else (), job.start_by,
    )  # fmt: skip


def copy_of(job: MemoryJob, id: str) -> JobSpec:
    """Return the spec of a new job like this one, due at once."""
    return job.spec._replace(
        id=id,
        run_after=None,
        metadata=job.metadata,
        task_id=None,
        unique_key=None,
        trace=None,
        origin=None,
    )
