"""A store in a few lines that the real ones are compared with: slow, and plainly right."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import RETRYABLE, WAITING, State


@dataclass
class ModelJob:
    """What the model knows of a job."""

    number: int
    tenant: str
    priority: int
    state: State
    due_at: datetime | None
    attempt: int = 0
    tries: int = 0
    errors: int = 0
    lost: int = 0
    worker: str | None = None
    is_cancel_asked: bool = False
    is_suspect: bool = False

    @property
    def lane(self) -> tuple[str, bool]:
        """Among which jobs it has its place. Whose turn it is, this model does not know."""
        return self.tenant, self.priority >= 100

    @property
    def place(self) -> tuple[int, int]:
        """Where the job stands in its lane."""
        return -self.priority, self.number

    def agrees(self, job: JobRecord) -> bool:
        """Tell whether a store says the same of the job."""
        counts = (self.attempt, self.tries, self.lost, self.errors)
        return (self.state, *counts, self.due_at, self.is_suspect) == (
            job.state, job.attempt, job.tries, job.lost, len(job.errors), job.due_at,
            job.parked_for == "suspect",
        )  # fmt: skip


@dataclass
class Model:
    """Jobs by id, in the order of insertion."""

    sets_apart: bool
    max_lost: int
    solo: str
    jobs: dict[str, ModelJob] = field(default_factory=dict)

    def insert(self, id: str, tenant: str, priority: int, due_at: datetime | None) -> None:
        """Take in a job."""
        state = State.READY if due_at is None else State.SCHEDULED
        self.jobs[id] = ModelJob(len(self.jobs), tenant, priority, state, due_at)

    def check_claims(self, claims: list[Claim], limit: int) -> None:
        """Check that these are the jobs that were to be handed out, then hand them out."""
        taken = [self.jobs[claim.id] for claim in claims]
        ready = [job for job in self._ready() if not job.is_suspect]
        assert len(taken) == min(limit, len(ready))
        for lane in {job.lane for job in ready}:
            mine = [job for job in taken if job.lane == lane]
            waiting = sorted((job for job in ready if job.lane == lane), key=lambda j: j.place)
            assert mine == waiting[: len(mine)], "Not the first of the lane, or not in order."
        self._hand_out(claims)

    def check_suspects(self, claims: list[Claim], limit: int) -> None:
        """Check that these are the suspects that were to be handed out, then hand them out."""
        apart = sorted((job for job in self._ready() if job.is_suspect), key=lambda j: j.place)
        assert [self.jobs[claim.id] for claim in claims] == apart[:limit]
        self._hand_out(claims)

    def _ready(self) -> list[ModelJob]:
        return [job for job in self.jobs.values() if job.state is State.READY]

    def _hand_out(self, claims: list[Claim]) -> None:
        for claim in claims:
            job = self.jobs[claim.id]
            job.state, job.worker, job.is_suspect = State.RUNNING, claim.worker_id, False
            job.attempt += 1
            assert (claim.attempt, claim.tries, claim.lost) == (job.attempt, job.tries, job.lost)
            assert len(claim.errors) == job.errors

    def finish(self, claim: Claim, outcome: Outcome, now: datetime) -> State | None:
        """Return what a finish is to answer, and do it."""
        job = self.jobs[claim.id]
        if not _holds(claim, job):
            return None
        job.state = outcome.next_state(is_cancel_asked=job.is_cancel_asked)
        job.worker = None
        job.tries += outcome.verdict is not Verdict.RELEASED
        job.errors += outcome.error is not None or job.state is State.CANCELED
        if job.state is State.SCHEDULED:
            job.due_at = now + timedelta(seconds=outcome.delay)
        if outcome.verdict is Verdict.RELEASED and job.state is State.READY:
            job.is_suspect = self.sets_apart and claim.worker_id == self.solo
        return job.state

    def lose(self, claim: Claim, was_alone: bool) -> State | None:
        """Return what a loss is to answer, and do it."""
        job = self.jobs[claim.id]
        if not _holds(claim, job):
            return None
        job.worker = None
        job.errors += 1
        job.lost += was_alone
        if job.is_cancel_asked:
            job.state = State.CANCELED
        elif was_alone and job.lost >= self.max_lost:
            job.state = State.FAILED
        else:
            job.state, job.is_suspect = State.READY, self.sets_apart
        return job.state

    def cancel(self, id: str) -> None:
        """Cancel a job as its state allows."""
        job = self.jobs[id]
        if job.state in WAITING:
            job.state, job.due_at, job.is_suspect = State.CANCELED, None, False
        elif job.state is State.RUNNING:
            job.is_cancel_asked = True

    def retry(self, id: str) -> None:
        """Retry a job as its state allows."""
        job = self.jobs[id]
        if job.state in RETRYABLE:
            job.state, job.tries, job.lost, job.is_cancel_asked = State.READY, 0, 0, False

    def run_now(self, id: str) -> None:
        """Hurry a job as its state allows."""
        job = self.jobs[id]
        if job.state is State.SCHEDULED:
            job.state, job.due_at = State.READY, None

    def amend(self, id: str, priority: int) -> bool:
        """Give a job another priority as its state allows; tell whether it has it."""
        job = self.jobs[id]
        if job.state in WAITING:
            job.priority = priority
        return job.state in WAITING

    def promote(self, now: datetime) -> int:
        """Make due jobs ready; return how many."""
        due = [job for job in self.jobs.values() if job.due_at is not None and job.due_at <= now]
        for job in due:
            job.state, job.due_at = State.READY, None
        return len(due)


def _holds(claim: Claim, job: ModelJob) -> bool:
    fence = (State.RUNNING, claim.attempt, claim.worker_id)
    return (job.state, job.attempt, job.worker) == fence
