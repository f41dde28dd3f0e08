"""How failures become events in Sentry: with whose job it was, and nothing that it was given."""

from asyncio import CancelledError
from contextlib import suppress
from typing import Any

from django.tasks import TaskResult

from django_taskq.exceptions import RejectError, ReleaseError, RetryError

# What jobs and middlewares raise to say how a job goes on: no failures.
CONTROL = (RetryError, RejectError, ReleaseError)
# The leading frames of a traceback that are the same in every job.
MACHINERY = ("django_taskq", "django.tasks", "asgiref", "contextlib", "asyncio")
_SETTLED = "_django_taskq_settled"


def is_failure(error: BaseException) -> bool:
    """Tell whether an exception that comes out of a job is to be captured."""
    return not isinstance(error, (*CONTROL, CancelledError, GeneratorExit))


def settle(error: BaseException) -> None:
    """Note that an exception is captured, or needs not to be."""
    with suppress(Exception):
        setattr(error, _SETTLED, True)


def is_settled(error: BaseException) -> bool:
    """Tell whether an exception is captured, or needs not to be."""
    return getattr(error, _SETTLED, False) is True


def capture(error: BaseException) -> None:
    """Send an exception to Sentry, with the scope that this code runs in."""
    import sentry_sdk
    from sentry_sdk.utils import event_from_exception

    settle(error)
    # Whatever is odd about an exception, the one that goes on is this.
    with suppress(Exception):
        event, hint = event_from_exception(
            error,
            client_options=sentry_sdk.get_client().options,
            mechanism={"type": "django_taskq", "handled": False},
        )
        for value in event["exception"]["values"]:
            _leave_out_machinery(value)
        sentry_sdk.capture_event(event, hint=hint)


def tag(scope: Any, result: TaskResult, tenant: str, attempt: int) -> None:
    """Put on a scope whose job it is, and which."""
    for name, value in (
        ("tenant", tenant),
        ("task", result.task.module_path),
        ("queue", result.task.queue_name),
        ("backend", result.backend),
        ("attempt", str(attempt)),
    ):
        # An empty one is an error to Sentry.
        if value:
            scope.set_tag(name, value)


def drop_repeated(event: Any, hint: Any) -> Any:
    """Drop the event that Django's own log line about the end of a job would become."""
    record = (hint or {}).get("log_record")
    if record is None or record.name != "django.tasks" or not record.exc_info:
        return event
    return None if is_settled(record.exc_info[1]) else event


def _leave_out_machinery(value: Any) -> None:
    """Leave out the frames before the task's: the same code each time, which holds arguments."""
    frames = (value.get("stacktrace") or {}).get("frames") or []
    while frames and _is_machinery(str(frames[0].get("module"))):
        del frames[0]
    if not frames:
        value.pop("stacktrace", None)


def _is_machinery(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in MACHINERY)
