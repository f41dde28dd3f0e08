"""Why a job is not running, told with what this process knows of its task."""

from django_taskq.exceptions import JobUnloadable
from django_taskq.jobs.explanation import explain
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.loading import load_task


def explained(outlook: Outlook) -> str:
    """Return in one sentence, of what a store told of a job, why that is not running."""
    return explain(outlook, _load_error(outlook.record))


def _load_error(record: JobRecord) -> str | None:
    """Return what keeps this process from importing the task of a job that may start."""
    if record.state == State.READY:
        try:
            load_task(record.task)
        except JobUnloadable as error:
            return str(error)
    return None
