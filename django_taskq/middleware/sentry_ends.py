"""Failures that no middleware sees, for Sentry: time limits, lost workers, lost results."""

import sys
import threading
from contextlib import suppress
from contextvars import Context
from typing import Any

from django.tasks import TaskResult, TaskResultStatus
from django.tasks.signals import task_finished

from django_taskq.context import read_headers
from django_taskq.control import get_job
from django_taskq.exceptions import JobLost, JobUnloadable, RetryError, StandIn, TaskTimeout
from django_taskq.middleware.registry import stacks_of
from django_taskq.middleware.sentry_events import capture, drop_repeated, is_settled, settle, tag
from django_taskq.signals import attempt_failed

# Of the exceptions of this package those that are failures, outside of every stack.
_OUTSIDE = (TaskTimeout, JobLost, JobUnloadable)
_watching = threading.Lock()


def watch() -> None:
    """Capture what happens around the stacks that hold a Sentry, from now on."""
    from sentry_sdk.scope import add_global_event_processor, global_event_processors

    with _watching:
        if drop_repeated in global_event_processors:
            return
        add_global_event_processor(drop_repeated)
        attempt_failed.connect(_on_attempt_failed)
        task_finished.connect(_on_finished)
        with task_finished.lock:
            # Before Django's own receiver, whose log line would be another event.
            task_finished.receivers.insert(0, task_finished.receivers.pop())


def _on_finished(sender: type, task_result: TaskResult, **kwargs: Any) -> None:
    error = sys.exc_info()[1]
    if error is not None and task_result.status is TaskResultStatus.FAILED:
        _settle(task_result, error, is_last=True)


def _on_attempt_failed(
    sender: type, task_result: TaskResult, exception: BaseException | None, **kwargs: Any
) -> None:
    if exception is not None:
        _settle(task_result, exception, is_last=False)


def _settle(result: TaskResult, error: BaseException, *, is_last: bool) -> None:
    from django_taskq.middleware.sentry import Sentry

    layers = stacks_of(result.backend).build(result.task).rated
    if not any(isinstance(each, Sentry) and each.is_on() for each in layers):
        return
    if not is_settled(error) and _is_outside(error, is_last=is_last):
        tenant, headers = _origin_of(result)
        # The SDK has maybe seen the exception in this context already, and takes none twice.
        Context().run(_capture, result, tenant, headers, error)
    settle(error)


def _is_outside(error: BaseException, *, is_last: bool) -> bool:
    """Tell whether no middleware was there to capture a failure.

    A RetryError is a failure when no try is left for it.
    """
    kind = _path(type(error))
    if kind == _path(RetryError):
        return is_last
    if type(error).__module__ == TaskTimeout.__module__:
        return kind in map(_path, _OUTSIDE)
    # Of what was raised in a child there is only the text.
    return not isinstance(error, StandIn) or "call_within\n" not in str(error.__cause__)


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _origin_of(result: TaskResult) -> tuple[str, dict[str, str]]:
    """Return the tenant of a job, and what was sent along with it; nothing where it is gone."""
    with suppress(Exception):
        job = get_job(result)
        return job.tenant, read_headers(job.trace)
    return "", {}


def _capture(
    result: TaskResult, tenant: str, headers: dict[str, str], error: BaseException
) -> None:
    import sentry_sdk

    with sentry_sdk.isolation_scope() as scope:
        tag(scope, result, tenant, result.attempts)
        scope.generate_propagation_context(headers)
        capture(error)
