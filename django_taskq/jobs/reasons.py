"""Why a job ended or waits, in the words that every store writes alike."""

CANCELED_RUNNING = "The job was canceled while it ran."
CANCELED_WAITING = "The job was canceled before it ran."
JOB_CANCELED = "django_taskq.exceptions.JobCanceled"
JOB_LOST = "django_taskq.exceptions.JobLost"

# What a READY job stands apart for.
SUSPECT = "suspect"

# Completes the sentence of a death, as `Store.lose` wants it.
FELL_SILENT = "was silent for longer than its lease"

_PARKED = {SUSPECT: "Waits to run alone, since its worker died while it ran."}


def parked_reason(parked_for: str | None) -> str | None:
    """Return in a sentence why a job stands apart; what a later release writes stays as it is."""
    return None if parked_for is None else _PARKED.get(parked_for, parked_for)
