"""What becomes of a job when a worker's hold on it ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django_taskq.jobs.attempt import ended_attempt, taken_attempt
from django_taskq.jobs.fate import Death, fate_of
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.reasons import CANCELED_RUNNING
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob


def write(board: Board, job: MemoryJob, outcome: Outcome, now: datetime) -> State:
    """Write how an attempt ended; return the job's new state."""
    board.let_go(job, _seconds(outcome))
    if outcome.started_at is not None:
        job.start(outcome.started_at)
        job.worker_ids = outcome.worker_ids
    _keep_notes(job, outcome)
    if outcome.verdict is not Verdict.RELEASED:
        job.tries += 1
    if outcome.verdict is Verdict.SUCCEEDED:
        if outcome.needs_attempt_row:
            _keep_attempt(job, outcome, State.SUCCESSFUL, now)
        job.result = outcome.result
        board.end(job, State.SUCCESSFUL, outcome.finished_at or now)
        return State.SUCCESSFUL
    state = outcome.next_state(is_cancel_asked=job.cancel_asked_at is not None)
    _keep_attempt(job, outcome, state, now)
    if state is State.FAILED:
        job.failure, job.reason = outcome.failure or Failure.ERROR, outcome.reason
        board.end(job, state, outcome.finished_at or now)
    elif state is State.CANCELED:
        board.cancel(job, CANCELED_RUNNING, outcome.finished_at or now)
    else:
        _go_on(board, job, outcome, state, now)
    return state


def give_back(board: Board, job: MemoryJob, now: datetime) -> State:
    """Return a job from a worker's hand to its lane, free of charge."""
    board.let_go(job)
    if job.cancel_asked_at is not None:
        return _cancel(board, job, now)
    _lay_down(job)
    board.make_ready(job, job.eligible_at)
    return State.READY


def give_back_held(board: Board, worker_id: str, fences: Sequence[Fence], now: datetime) -> int:
    """Put what a worker holds of these back untouched; return how many that were."""
    count = 0
    # Each is looked for when its turn has come: the same fence may be there twice.
    for fence in fences:
        job = board.find_held(worker_id, *fence)
        if job is not None:
            give_back(board, job, now)
            count += 1
    return count


def lose_held(
    board: Board,
    worker_id: str,
    fences: Sequence[Fence],
    death: Death,
    max_lost: int,
    now: datetime,
) -> list[State | None]:
    """Take jobs that had started out of the hand of a dead worker; None where it holds none."""
    held = (board.find_held(worker_id, *fence) for fence in fences)
    return [None if job is None else lose(board, job, death, max_lost, now) for job in held]


def lose(board: Board, job: MemoryJob, death: Death, max_lost: int, now: datetime) -> State:
    """Take a job that had started out of the hand of a dead worker."""
    fate = fate_of(
        death,
        tries=job.tries,
        lost=job.lost,
        max_tries=job.spec.max_tries,
        max_lost=max_lost,
        is_cancel_asked=job.cancel_asked_at is not None,
    )
    board.let_go(job, job.runs_for(now))
    job.list_worker()
    job.lost += fate.counts_lost
    job.tries += fate.costs_try
    started_at = job.last_attempted_at if job.is_started else None
    job.keep(taken_attempt(job.attempt, death.worker_id, fate, started_at, now))
    if fate.state is State.READY:
        _lay_down(job)
        board.make_ready(job, now)
    else:
        job.failure, job.reason = fate.failure, fate.reason
        board.end(job, fate.state, now)
    return fate.state


def _seconds(outcome: Outcome) -> float | None:
    """Return how long an attempt ran, None for one that is free of charge."""
    started_at, finished_at = outcome.started_at, outcome.finished_at
    if outcome.verdict is Verdict.RELEASED or started_at is None or finished_at is None:
        return None
    return (finished_at - started_at).total_seconds()


def _cancel(board: Board, job: MemoryJob, now: datetime) -> State:
    given_back = Outcome(job.seq, job.attempt, Verdict.RELEASED)
    _keep_attempt(job, given_back, State.CANCELED, now)
    board.cancel(job, CANCELED_RUNNING, now)
    return State.CANCELED


def write_notes(board: Board, worker_id: str, notes: Sequence[Note]) -> int:
    """Write what running attempts of a worker tell; return how many it holds."""
    jobs = [board.find_held(worker_id, note.seq, note.attempt) for note in notes]
    for job, note in zip(jobs, notes, strict=True):
        if job is not None:
            write_note(job, note)
    return sum(job is not None for job in jobs)


def write_note(job: MemoryJob, note: Note) -> None:
    """Write what a running attempt tells."""
    if note.started_at is not None:
        job.start(note.started_at)
    if note.progress is not None:
        job.progress = note.progress
    if note.metadata is not None:
        job.metadata = note.metadata


def _keep_notes(job: MemoryJob, outcome: Outcome) -> None:
    if outcome.metadata is not None:
        job.metadata = outcome.metadata
    if outcome.progress is not None:
        job.progress = outcome.progress
    if outcome.ctx is not None:
        job.ctx = outcome.ctx


def _keep_attempt(job: MemoryJob, outcome: Outcome, state: State, now: datetime) -> None:
    job.keep(ended_attempt(outcome, state, job.worker_id or "", now))


def _go_on(board: Board, job: MemoryJob, outcome: Outcome, state: State, now: datetime) -> None:
    _lay_down(job)
    if state is State.SCHEDULED:
        board.schedule(job, now + timedelta(seconds=outcome.delay))
    else:
        is_release = outcome.verdict is Verdict.RELEASED
        board.make_ready(job, job.eligible_at if is_release else now)


def _lay_down(job: MemoryJob) -> None:
    job.worker_id = job.claimed_at = None
