"""Waits and runs of attempts as histograms of OpenTelemetry."""

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from time import monotonic
from typing import Any

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.exceptions import RejectError, ReleaseError, RetryError
from django_taskq.jobs.counts import BOUNDS
from django_taskq.middleware.base import Middleware
from django_taskq.middleware.extras import import_extra

NAME = "django_taskq"


class OpenTelemetryMetrics(Middleware):
    """Records how long each attempt waited and ran, by queue, task and what came of it.

    It records in the process that runs the attempt. Without a `meter_provider` it uses the one of
    the process, however late that is set. With `has_tenants` the tenant is an attribute too: there
    may be thousands. Raise ImproperlyConfigured where opentelemetry-api is not installed.
    """

    def __init__(self, meter_provider: Any = None, *, has_tenants: bool = False) -> None:
        self._metrics = import_extra(
            "opentelemetry.metrics", "opentelemetry", "OpenTelemetryMetrics"
        )
        self._provider = meter_provider
        self._has_tenants = has_tenants

    @cached_property
    def _waits(self) -> Any:
        return self._histogram("taskq.job.wait", "From when a job could start to its first start.")

    @cached_property
    def _runs(self) -> Any:
        return self._histogram("taskq.attempt.duration", "How long attempts ran.")

    def _histogram(self, name: str, description: str) -> Any:
        meter = self._metrics.get_meter(NAME, meter_provider=self._provider)
        return meter.create_histogram(
            name,
            unit="s",
            description=description,
            explicit_bucket_boundaries_advisory=BOUNDS,
        )

    def flush(self, seconds: float) -> None:
        """Export what waits in this process."""
        provider = self._provider or self._metrics.get_meter_provider()
        if hasattr(provider, "force_flush"):
            provider.force_flush(int(seconds * 1000))

    @contextmanager
    def __call__(self, job: JobContext, task: DjangoTask) -> Iterator[None]:
        """Record an attempt, once it has ended."""
        result, since = job.task_result, monotonic()
        facts: dict[str, Any] = {
            "taskq.backend": result.backend,
            "messaging.destination.name": result.task.queue_name,
            "taskq.task": result.task.module_path,
        }
        if self._has_tenants:
            facts["taskq.tenant"] = job.tenant
        if result.started_at == result.last_attempted_at:
            self._waits.record(max(0.0, job.age.total_seconds()), facts)
        outcome = "successful"
        try:
            yield
        except BaseException as error:
            outcome = _outcome_of(error)
            raise
        finally:
            self._runs.record(monotonic() - since, {**facts, "taskq.outcome": outcome})


def _outcome_of(error: BaseException) -> str:
    """Return what a try came to as far as its middlewares see it: whether another one follows is
    decided further out.
    """
    if isinstance(error, RetryError):
        return "retried"
    if isinstance(error, ReleaseError):
        return "released"
    if isinstance(error, RejectError):
        return "rejected"
    if isinstance(error, CancelledError | GeneratorExit):
        return "canceled"
    return "failed"
