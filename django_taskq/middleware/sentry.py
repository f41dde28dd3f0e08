"""Attempts as transactions in Sentry, in the trace of who enqueued, with each failure once."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.jobs.spec import JobSpec
from django_taskq.middleware.base import Middleware
from django_taskq.middleware.extras import import_extra
from django_taskq.middleware.sentry_ends import watch
from django_taskq.middleware.sentry_events import capture, is_failure, tag
from django_taskq.middleware.sentry_spans import set_status, start_span, status_of

logger = logging.getLogger("django_taskq.middleware")

# Two backends, with a Sentry each, share the one client of the process.
_starting = threading.Lock()


class Sentry(Middleware):
    """Tells Sentry of attempts and of their failures.

    It uses the client that the project has set up. Where there is none when it is first needed,
    and a `dsn` is given, it sets one up for the process, with `options` as `sentry_sdk.init`
    takes them. Without either it does nothing. Raise ImproperlyConfigured for a dsn that is none,
    and where sentry_sdk is not installed.
    """

    def __init__(self, dsn: str | None = None, **options: Any) -> None:
        self._sdk = import_extra("sentry_sdk", "sentry", "Sentry")
        self._wanted: Mapping[str, Any] | None = None
        if dsn:
            _check(dsn)
            self._wanted = {**options, "dsn": dsn}
        watch()

    def headers(self, spec: JobSpec, task: DjangoTask) -> dict[str, str]:
        """Return what continues the trace of whoever enqueues."""
        if not self.is_on():
            return {}
        # One by one: the SDK's own span of an enqueue outside of any trace has no baggage.
        sent = {"sentry-trace": self._sdk.get_traceparent(), "baggage": self._sdk.get_baggage()}
        return {name: value for name, value in sent.items() if value}

    def flush(self, seconds: float) -> None:
        """Send what waits in this process."""
        if self._sdk.is_initialized():
            self._sdk.flush(timeout=seconds)

    @contextmanager
    def __call__(self, job: JobContext, task: DjangoTask) -> Iterator[None]:
        """Run an attempt as a transaction of its own scope; capture what it raises."""
        if not self.is_on():
            yield
            return
        with self._sdk.isolation_scope() as scope:
            scope.clear_breadcrumbs()
            tag(scope, job.task_result, job.tenant, job.attempt)
            span = start_span(job)
            span.__enter__()
            try:
                yield
                set_status(span, "ok")
            except BaseException as error:
                set_status(span, status_of(error))
                if is_failure(error):
                    capture(error)
                raise
            finally:
                # Without the exception: the status that it would set is none of the above.
                span.__exit__(None, None, None)

    def is_on(self) -> bool:
        """Tell whether there is a client to send with, which is made here if it has to be."""
        if self._wanted is not None and not self._sdk.is_initialized():
            with _starting:
                if not self._sdk.is_initialized():
                    self._init(self._wanted)
        return bool(self._sdk.is_initialized())

    def _init(self, wanted: Mapping[str, Any]) -> None:
        try:
            self._sdk.init(**wanted)
        except Exception:
            # No job fails because nobody could be told of its failure.
            self._wanted = None
            logger.exception("The client of Sentry could not be set up; nothing is sent to it.")


def _check(dsn: str) -> None:
    parse = import_extra("sentry_sdk.utils", "sentry", "Sentry")
    try:
        parse.Dsn(dsn)
    except Exception as error:
        raise ImproperlyConfigured(
            f"Expected the dsn of the middleware Sentry to be an address that Sentry shows for a "
            f"project, got one that cannot be read: {error}."
        ) from None
