"""Telling the receivers of signals how jobs ended, once that is written."""

from collections.abc import Sequence

from django.tasks import TaskResult
from django.tasks.signals import task_finished

from django_taskq.exceptions import JobCanceled, JobLost
from django_taskq.jobs.reasons import JOB_LOST
from django_taskq.jobs.record import JobRecord
from django_taskq.results import result_of
from django_taskq.signals import job_canceled
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


def report_canceled(sender: type, store: Store, ids: Sequence[str]) -> None:
    """Send job_canceled for jobs that ended so in nobody's hand, task_finished where they ran.

    `sender` is the backend class. Raise what the store raises.
    """
    if not ids:
        return
    for record in store.get(ids):
        result, has_run = result_of(record), _has_run(record)
        duration = _duration(record) if has_run else None
        job_canceled.send_robust(sender, task_result=result, duration=duration)
        if has_run:
            report_finished(sender, result, duration, JobCanceled(record.reason or ""))


def _has_run(record: JobRecord) -> bool:
    """Tell whether the last attempt of an ended job had started, as far as the store knows."""
    if record.errors and record.errors[-1].exception_class_path == JOB_LOST:
        return True
    claimed_at, started_at = record.claimed_at, record.last_attempted_at
    return claimed_at is not None and started_at is not None and started_at >= claimed_at


def _duration(record: JobRecord) -> float | None:
    """Return the seconds from the last start that is known to the end."""
    if record.last_attempted_at is None or record.finished_at is None:
        return None
    return max(0.0, (record.finished_at - record.last_attempted_at).total_seconds())
