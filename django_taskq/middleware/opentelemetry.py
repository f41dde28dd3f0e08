"""Enqueues and attempts as spans of OpenTelemetry, in one trace."""

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.exceptions import RejectError, ReleaseError, RetryError
from django_taskq.jobs.spec import JobSpec
from django_taskq.middleware.base import Middleware
from django_taskq.middleware.extras import import_extra

NAME = "django_taskq"
# What jobs and middlewares raise to say how a job goes on: no failures.
CONTROL = (RetryError, RejectError, ReleaseError)


class OpenTelemetry(Middleware):
    """Makes a producer span of each enqueue, and a consumer span below it of each attempt.

    Without a `tracer_provider` it uses the one of the process, however late that is set. Raise
    ImproperlyConfigured where opentelemetry-api is not installed.
    """

    def __init__(self, tracer_provider: Any = None) -> None:
        self._trace = import_extra("opentelemetry.trace", "opentelemetry", "OpenTelemetry")
        self._context = import_extra("opentelemetry.context", "opentelemetry", "OpenTelemetry")
        self._propagate = import_extra("opentelemetry.propagate", "opentelemetry", "OpenTelemetry")
        self._provider = tracer_provider

    @cached_property
    def _tracer(self) -> Any:
        return self._trace.get_tracer(NAME, tracer_provider=self._provider)

    def headers(self, spec: JobSpec, task: DjangoTask) -> dict[str, str]:
        """Return what continues the trace: below a span for this enqueue, which is over at once.

        Each job of an `enqueue_many` has its own.
        """
        carried: dict[str, str] = {}
        with self._tracer.start_as_current_span(
            f"send {spec.task}",
            kind=self._trace.SpanKind.PRODUCER,
            attributes=_facts("send", spec.id, spec.task, spec.queue, spec.tenant),
        ):
            self._propagate.inject(carried)
        return carried

    def flush(self, seconds: float) -> None:
        """Export what waits in this process."""
        provider = self._provider or self._trace.get_tracer_provider()
        if hasattr(provider, "force_flush"):
            provider.force_flush(int(seconds * 1000))

    @contextmanager
    def __call__(self, job: JobContext, task: DjangoTask) -> Iterator[None]:
        """Run an attempt as a span; record what it raises."""
        result = job.task_result
        path, queue = result.task.module_path, result.task.queue_name
        # From an empty context: what else runs on the same event loop is no business of the job.
        parent = self._propagate.extract(job.headers, context=self._context.Context())
        token = self._context.attach(parent)
        try:
            with self._tracer.start_as_current_span(
                f"process {path}",
                kind=self._trace.SpanKind.CONSUMER,
                attributes={
                    **_facts("process", result.id, path, queue, job.tenant),
                    "taskq.attempt": job.attempt,
                    "taskq.backend": result.backend,
                },
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    yield
                except BaseException as error:
                    self._record(span, error)
                    raise
        finally:
            self._context.detach(token)

    def _record(self, span: Any, error: BaseException) -> None:
        if isinstance(error, CONTROL):
            span.set_attribute("taskq.raised", type(error).__name__)
            return
        status = self._trace.StatusCode.ERROR
        span.set_attribute("error.type", type(error).__qualname__)
        if isinstance(error, CancelledError | GeneratorExit):
            span.set_status(status, "The attempt was canceled, or took longer than it may.")
            return
        told = type(error).__name__
        # A text that cannot be made must not take the place of what was raised.
        with suppress(Exception):
            span.record_exception(error)
            told = f"{type(error).__name__}: {error}"
        span.set_status(status, told)


def _facts(operation: str, id: str, task: str, queue: str, tenant: str) -> dict[str, Any]:
    """Return the attributes of a span, by OpenTelemetry's conventions where there is one."""
    return {
        "messaging.system": NAME,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": queue,
        "messaging.message.id": id,
        "taskq.task": task,
        "taskq.tenant": tenant,
    }
