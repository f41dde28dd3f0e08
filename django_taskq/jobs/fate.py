"""Where a job goes whose worker died."""

from typing import NamedTuple

from django_taskq.jobs.reasons import CANCELED_RUNNING
from django_taskq.jobs.states import Failure, State


class Death(NamedTuple):
    """How a worker ended that had started a job.

    `how` completes the sentence "Worker X ... while it ran the job."
    """

    worker_id: str
    how: str
    was_alone: bool

    @property
    def sentence(self) -> str:
        """What is told of the attempt that ended with it."""
        return f"Worker {self.worker_id} {self.how} while it ran the job."


class Fate(NamedTuple):
    """Where the job goes, and why where that is the end.

    Without a death the job goes back free. With one that leaves it READY, it is a suspect.
    """

    state: State
    failure: Failure | None = None
    reason: str | None = None
    death: Death | None = None
    costs_try: bool = False

    @property
    def counts_lost(self) -> bool:
        """Whether the job alone can have taken the worker down."""
        return self.death is not None and self.death.was_alone

    @property
    def is_suspect(self) -> bool:
        """Whether the job is to run next alone."""
        return self.death is not None and self.state is State.READY


def fate_of(
    death: Death | None,
    *,
    tries: int,
    lost: int,
    max_tries: int | None,
    max_lost: int,
    is_cancel_asked: bool,
) -> Fate:
    """Decide where a job goes whose worker is gone; `death` is None where it had not started.

    The counts are those from before the death.
    """
    costs_try = death is not None and max_tries is not None
    if is_cancel_asked:
        return Fate(State.CANCELED, Failure.CANCELED, CANCELED_RUNNING, death, costs_try)
    reason = death and _reason_to_fail(death, tries + 1, lost + 1, max_tries, max_lost)
    if reason is not None:
        return Fate(State.FAILED, Failure.LOST, reason, death, costs_try)
    return Fate(State.READY, None, None, death, costs_try)


def _reason_to_fail(
    death: Death, tries: int, lost: int, max_tries: int | None, max_lost: int
) -> str | None:
    if death.was_alone and lost >= max_lost:
        if lost == 1:
            return (
                f"The worker {death.how} while it ran this job alone, and MAX_LOST allows no more."
            )
        return (
            f"{lost} workers died while each ran this job alone, which is as many as MAX_LOST "
            f"allows; the last one {death.how}."
        )
    if max_tries is not None and tries >= max_tries:
        if max_tries == 1:
            return f"The worker {death.how} in the only try."
        return f"The worker {death.how} in the last of {max_tries} tries."
    return None
