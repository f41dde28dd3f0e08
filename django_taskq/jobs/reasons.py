"""Why a job ended or waits, in the words that every store writes alike."""

from collections.abc import Sequence

from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.trigger import Standing
from django_taskq.jobs.wording import gettext_noop

CANCELED_RUNNING = "The job was canceled while it ran."
CANCELED_WAITING = "The job was canceled before it ran."
GIVEN_UP = "Nobody resumed the job in time. "
JOB_CANCELED = "django_taskq.exceptions.JobCanceled"
JOB_LOST = "django_taskq.exceptions.JobLost"

# What a READY job stands apart for.
SUSPECT = "suspect"

# Completes the sentence of a death, as `Store.lose` wants it.
FELL_SILENT = "was silent for longer than its lease"

_STANDS = {
    Standing.SUCCESSFUL: "succeeded",
    Standing.FAILED: "failed",
    Standing.SKIPPED: "was skipped",
    Standing.BLOCKED: "is blocked",
    Standing.CANCELED: "was canceled",
    Standing.GONE: "was deleted",
}

# Jobs of a circle that are named.
_SHOWN = 5

_PARKED = {SUSPECT: gettext_noop("Waits to run alone, since its worker died while it ran.")}


def parked_reason(parked_for: str | None) -> str | None:
    """Return in a sentence why a job stands apart; what a later release writes stays as it is."""
    return None if parked_for is None else _PARKED.get(parked_for, parked_for)


def blocked_reason(upstream: str, standing: Standing | None) -> str:
    """Return in sentences why a job that waits for another one cannot run as things stand."""
    return f"{_told(upstream, standing)}. A retry of what failed resumes this job."


def final_reason(upstream: str, standing: Standing | None) -> str:
    """Return in a sentence why a job ends that waits for one which nobody is to retry."""
    return f"{_told(upstream, standing)}."


def never_reason(rule: TriggerRule, upstream: str, standing: Standing | None) -> str:
    """Return in a sentence why a job is skipped."""
    if standing is None:
        return f"The trigger rule {rule} can no longer become true."
    told = f"job {upstream} {_STANDS[standing]}"
    return f"The trigger rule {rule} can no longer become true: {told}."


def circle_reason(ids: Sequence[str]) -> str:
    """Return in sentences why a job ends that waits for itself, by way of others."""
    shown = ", ".join(ids[:_SHOWN]) + (", and others" if len(ids) > _SHOWN else "")
    return (
        f"{len(ids)} jobs waited for one another in a circle, each for the next: {shown}. None of "
        "them would ever have run."
    )


def _told(upstream: str, standing: Standing | None) -> str:
    how = "has ended" if standing is None else _STANDS[standing]
    return f"Job {upstream}, which this one waits for, {how}"
