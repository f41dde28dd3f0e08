"""What is kept of one attempt that ended, and how many of these are kept of a job."""

from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.claim import TryError
from django_taskq.jobs.fate import Fate
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.reasons import CANCELED_RUNNING, JOB_CANCELED, JOB_LOST
from django_taskq.jobs.states import Failure, State

# A job that fails again and again keeps how it began and how it goes on.
FIRST_KEPT = 5
LAST_KEPT = 45
MOST_KEPT = FIRST_KEPT + LAST_KEPT


class AttemptRecord(NamedTuple):
    """One attempt as it is stored.

    `verdict` is how it ended: succeeded, failed, retry, canceled, or lost with its worker.
    `failure` tells why where it was the last one. `log` is what it logged, the end of that
    where it was long; an attempt that was lost has none.
    """

    attempt: int
    worker_id: str
    verdict: str
    failure: Failure | str | None
    reason: str | None
    exception_class: str | None
    traceback: str | None
    log: str | None
    started_at: datetime | None
    finished_at: datetime

    @property
    def error(self) -> TryError | None:
        """The error of the try, None where it did not fail."""
        if self.exception_class is None:
            return None
        return TryError(self.exception_class, self.traceback or "")


def ended_attempt(
    outcome: Outcome, state: State, worker_id: str, now: datetime
) -> AttemptRecord | None:
    """Return what is kept of an attempt whose outcome led to a state, None where nothing is."""
    if not (outcome.needs_attempt_row or state is State.CANCELED):
        return None
    is_canceled = state is State.CANCELED
    path, traceback = error_of(outcome, state)
    return AttemptRecord(
        attempt=outcome.attempt,
        worker_id=worker_id,
        verdict="canceled" if is_canceled else outcome.verdict.value,
        failure=Failure.CANCELED if is_canceled else outcome.failure,
        reason=CANCELED_RUNNING if is_canceled else outcome.reason,
        exception_class=path,
        traceback=traceback,
        log=outcome.log,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at or now,
    )


def taken_attempt(
    attempt: int, worker_id: str, fate: Fate, started_at: datetime | None, now: datetime
) -> AttemptRecord | None:
    """Return what is kept of an attempt that was taken back, None where it goes back free."""
    if fate.death is None and fate.state is not State.CANCELED:
        return None
    if fate.death is None:
        told, verdict, failure, path = fate.reason, "canceled", Failure.CANCELED, JOB_CANCELED
    else:
        told, verdict, failure, path = fate.death.sentence, "lost", Failure.LOST, JOB_LOST
    return AttemptRecord(
        attempt=attempt,
        worker_id=worker_id,
        verdict=verdict,
        failure=failure,
        reason=told,
        exception_class=path,
        traceback=told,
        log=None,
        started_at=started_at,
        finished_at=now,
    )


def error_of(outcome: Outcome, state: State) -> tuple[str | None, str | None]:
    """Return the path and the traceback that are kept of an attempt."""
    if state is State.CANCELED:
        return JOB_CANCELED, outcome.error.traceback if outcome.error else CANCELED_RUNNING
    return outcome.error or (None, None)


def errors_in(attempts: tuple[AttemptRecord, ...]) -> tuple[TryError, ...]:
    """Return the errors of attempts, in their order."""
    return tuple([attempt.error for attempt in attempts if attempt.error is not None])


def with_attempt(
    attempts: tuple[AttemptRecord, ...], latest: AttemptRecord
) -> tuple[AttemptRecord, ...]:
    """Add the latest attempt; beyond the bound one in the middle goes."""
    if len(attempts) < MOST_KEPT:
        return (*attempts, latest)
    return (*attempts[:FIRST_KEPT], *attempts[1 - LAST_KEPT :], latest)
