"""What becomes of a job when a worker's hold on it ends: decided here, written by a move."""

from datetime import datetime, timedelta

from django_taskq.jobs.attempt import ended_attempt, taken_attempt
from django_taskq.jobs.fate import Death, fate_of
from django_taskq.jobs.fence import Note
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.reasons import CANCELED_RUNNING, SUSPECT
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.redis.job import RedisJob


def write(job: RedisJob, outcome: Outcome, worker_id: str, now: datetime, *, is_solo: bool) -> None:
    """Write how an attempt ended. What a solo worker gives back is a suspect again."""
    if outcome.started_at is not None:
        job.start(outcome.started_at)
        job.put(workers=outcome.worker_ids)
    told = {"metadata": outcome.metadata, "progress": outcome.progress, "ctx": outcome.ctx}
    job.put(**{field: value for field, value in told.items() if value is not None})
    is_release = outcome.verdict is Verdict.RELEASED
    if not is_release:
        job.put(tries=job.number("tries") + 1)
    state = outcome.next_state(is_cancel_asked=job.text("cancel") is not None)
    job.keep(ended_attempt(outcome, state, worker_id, now))
    ended_at = outcome.finished_at or now
    if state is State.SUCCESSFUL:
        job.put(state=state, result=outcome.result, finished=ended_at)
    elif state is State.FAILED:
        failure = outcome.failure or Failure.ERROR
        job.put(state=state, failure=failure, reason=outcome.reason, finished=ended_at)
    elif state is State.CANCELED:
        _cancel(job, ended_at)
    else:
        if is_release and is_solo:
            job.put(parked=SUSPECT)
        _lay_down(job, state)
        if state is State.SCHEDULED:
            job.put(due=now + timedelta(seconds=outcome.delay))
        elif not is_release:
            job.put(eligible=now)


def give_back(job: RedisJob, worker_id: str, now: datetime, *, is_solo: bool) -> None:
    """Return a job from a worker's hand to its lane, free of charge."""
    if job.text("cancel") is not None:
        released = Outcome(int(job.seq), job.attempt, Verdict.RELEASED)
        job.keep(ended_attempt(released, State.CANCELED, worker_id, now))
        _cancel(job, now)
        return
    if is_solo:
        job.put(parked=SUSPECT)
    _lay_down(job, State.READY)


def lose(job: RedisJob, death: Death, max_lost: int, now: datetime) -> None:
    """Take a job that had started out of the hand of a dead worker."""
    fate = fate_of(
        death,
        tries=job.number("tries"),
        lost=job.number("lost"),
        max_tries=job.spec.max_tries,
        max_lost=max_lost,
        is_cancel_asked=job.text("cancel") is not None,
    )
    job.list_worker()
    job.put(lost=job.number("lost") + fate.counts_lost, tries=job.number("tries") + fate.costs_try)
    started_at = job.moment("attempted") if job.is_begun else None
    job.keep(taken_attempt(job.attempt, death.worker_id, fate, started_at, now))
    if fate.state is State.READY:
        job.put(parked=SUSPECT, eligible=now)
        _lay_down(job, State.READY)
    else:
        job.put(state=fate.state, failure=fate.failure, reason=fate.reason, finished=now)


def tell(job: RedisJob, note: Note) -> None:
    """Write what a running attempt tells."""
    if note.started_at is not None:
        job.start(note.started_at)
    if note.progress is not None:
        job.put(progress=note.progress)
    if note.metadata is not None:
        job.put(metadata=note.metadata)


def _cancel(job: RedisJob, at: datetime) -> None:
    job.put(state=State.CANCELED, failure=Failure.CANCELED, reason=CANCELED_RUNNING, finished=at)


def _lay_down(job: RedisJob, state: State) -> None:
    job.put(state=state, worker=None, claimed=None, begun=None)
