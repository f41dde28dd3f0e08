"""What a finish writes: an outcome turned into the columns of its job and of its attempt."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.reasons import CANCELED_RUNNING
from django_taskq.jobs.states import ENDED, Failure, State
from django_taskq.models import Attempt
from django_taskq.stores.database.clock import storable


class Ending(NamedTuple):
    """The columns that one outcome sets.

    None keeps `eligible_at`, `started_at`, `metadata`, `progress`, `ctx` and `worker_ids` as
    they are.
    """

    outcome: Outcome
    state: State
    failure: Failure | None
    reason: str | None
    result: str | None
    tries: int
    finished_at: datetime | None
    due_at: datetime | None
    eligible_at: datetime | None
    worker_ids: str | None

    @property
    def is_end(self) -> bool:
        """Whether the job has come to its end."""
        return self.state in ENDED


def ending_of(outcome: Outcome, now: datetime, *, is_cancel_asked: bool) -> Ending:
    """Decide what an outcome does to its job."""
    state = outcome.next_state(is_cancel_asked=is_cancel_asked)
    is_end = state in ENDED
    is_retry = outcome.verdict is Verdict.RETRY and state is State.READY
    failure, reason = failure_of(outcome, state)
    return Ending(
        outcome=outcome,
        state=state,
        failure=failure,
        reason=reason,
        result=outcome.result if state is State.SUCCESSFUL else None,
        tries=1 if outcome.costs_try else 0,
        finished_at=(outcome.finished_at or now) if is_end else None,
        due_at=now + timedelta(seconds=outcome.delay) if state is State.SCHEDULED else None,
        eligible_at=now if is_retry else None,
        worker_ids=outcome.worker_ids if outcome.started_at else None,
    )


def is_plain(outcome: Outcome) -> bool:
    """Tell whether an outcome is a success that changes nothing but the end of its job.

    Nearly every outcome is one, and needs but a few of the columns.
    """
    return (
        outcome.verdict is Verdict.SUCCEEDED
        and outcome.is_first_attempt
        and outcome.started_at is not None
        and outcome.metadata is None
        and outcome.progress is None
        and outcome.ctx is None
        and outcome.log is None
    )


def failure_of(outcome: Outcome, state: State) -> tuple[Failure | None, str | None]:
    """Return why the job ended badly, and the sentence about it; nothing while it goes on."""
    if state is State.CANCELED:
        return Failure.CANCELED, CANCELED_RUNNING
    if state is State.FAILED:
        return outcome.failure or Failure.ERROR, outcome.reason
    return None, None


def attempt_row(seq: int, kept: AttemptRecord) -> Attempt:
    """Return what is kept of an attempt as a row."""
    values = kept._asdict()
    values["started_at"] = storable(kept.started_at)
    values["finished_at"] = storable(kept.finished_at)
    return Attempt(job_id=seq, **values)
