"""What became of one attempt, and the state the job goes to."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django_taskq.jobs.claim import TryError
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.xcom import XCom


class Verdict(StrEnum):
    """The ways an attempt can end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRY = "retry"
    RELEASED = "released"


class Outcome(NamedTuple):
    """One attempt's end, ready to be written.

    `log` is what the attempt logged, its end where that was long. `started_at` is None where
    the function never ran; such an attempt is not listed among the
    job's worker ids. `delay` is in seconds from the write. A release costs no try.
    `pushes` are the XCom values that it hands to other jobs.
    """

    seq: int
    attempt: int
    verdict: Verdict
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worker_ids: str = "[]"
    result: str | None = None
    failure: Failure | None = None
    reason: str | None = None
    error: TryError | None = None
    delay: float = 0.0
    metadata: str | None = None
    progress: str | None = None
    ctx: str | None = None
    first_started_at: datetime | None = None
    is_first_attempt: bool = True
    log: str | None = None
    pushes: tuple[XCom, ...] = ()

    @property
    def costs_try(self) -> bool:
        """Whether the attempt counts against max_tries."""
        return self.verdict is not Verdict.RELEASED

    @property
    def needs_attempt_row(self) -> bool:
        """Whether the attempt is kept in a row of its own; a first-try success is not."""
        if self.verdict is Verdict.RELEASED:
            return False
        return (
            self.verdict is not Verdict.SUCCEEDED
            or not self.is_first_attempt
            or self.log is not None
        )

    def next_state(self, *, is_cancel_asked: bool = False) -> State:
        """Return where the job goes.

        A cancel that was asked for while the job ran wins over everything but a success.
        """
        if self.verdict is Verdict.SUCCEEDED:
            return State.SUCCESSFUL
        if is_cancel_asked:
            return State.CANCELED
        if self.verdict is Verdict.FAILED:
            return State.FAILED
        return State.SCHEDULED if self.delay > 0 else State.READY
