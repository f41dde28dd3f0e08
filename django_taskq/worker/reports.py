"""Telling the receivers of task_finished how jobs ended, once that is written."""

from collections.abc import Sequence

from django.tasks import TaskResult
from django.tasks.signals import task_finished

from django_taskq.exceptions import JobLost
from django_taskq.jobs.record import JobRecord
from django_taskq.results import result_of
from django_taskq.stores.base import Store


def report_finished(
    sender: type, result: TaskResult, duration: float | None, exception: BaseException | None
) -> None:
    """Send task_finished; `duration` is in seconds, None where nobody knows it."""
    if exception is None:
        task_finished.send_robust(sender, task_result=result, duration=duration)
        return
    # Django's own log receiver, and others, read the exception from sys.exc_info().
    traceback = exception.__traceback__
    try:
        raise exception
    except BaseException:
        task_finished.send_robust(sender, task_result=result, duration=duration)
    finally:
        # With this frame in its traceback it would live until the garbage collector comes by,
        # and everything that its own frames hold too.
        exception.__traceback__ = traceback


def report_lost(sender: type, store: Store, ids: Sequence[str]) -> None:
    """Send task_finished for jobs that ended as lost: the processes that ran them cannot.

    `sender` is the backend class. Raise what the store raises.
    """
    if not ids:
        return
    for record in store.get(ids):
        lost = JobLost(record.reason or "")
        report_finished(sender, result_of(record), _duration(record), lost)


def _duration(record: JobRecord) -> float | None:
    """Return the seconds from the last start that is known to the end."""
    if record.last_attempted_at is None or record.finished_at is None:
        return None
    return max(0.0, (record.finished_at - record.last_attempted_at).total_seconds())
