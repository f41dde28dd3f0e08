"""The span of an attempt in Sentry, in whichever of its two ways the SDK is to send spans."""

from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any

from django_taskq.context import JobContext
from django_taskq.middleware.sentry_events import CONTROL

ORIGIN = "auto.queue.django_taskq"
OPERATION = "queue.task"


def start_span(job: JobContext) -> Any:
    """Return the span of an attempt, below the enqueue of its job. It ends when it is left."""
    import sentry_sdk

    name, facts = job.task_result.task.module_path, _facts(job)
    if _streams(sentry_sdk.get_client().options):
        sentry_sdk.traces.continue_trace(job.headers)
        facts |= {"sentry.op": OPERATION, "sentry.origin": ORIGIN}
        return sentry_sdk.traces.start_span(name=name, attributes=facts, parent_span=None)
    transaction = sentry_sdk.continue_trace(
        job.headers, op=OPERATION, name=name, source="task", origin=ORIGIN
    )
    started = sentry_sdk.start_transaction(transaction)
    for key, value in facts.items():
        started.set_data(key, value)
    return started


def status_of(error: BaseException) -> str:
    """Return the status of an attempt that raised."""
    if isinstance(error, CONTROL):
        return "aborted"
    return "cancelled" if isinstance(error, CancelledError) else "internal_error"


def set_status(span: Any, status: str) -> None:
    """Set the status of a span."""
    if hasattr(span, "set_status"):
        span.set_status(status)
    else:
        # What is streamed knows two.
        span.status = "error" if status == "internal_error" else "ok"


def _facts(job: JobContext) -> dict[str, Any]:
    """Return what Sentry shows of a message in its queue; never what the job was given."""
    return {
        "messaging.system": "django_taskq",
        "messaging.destination.name": job.task_result.task.queue_name,
        "messaging.message.id": job.task_result.id,
        "messaging.message.retry.count": max(0, job.attempt - 1),
        "messaging.message.receive.latency": job.age.total_seconds() * 1000,
    }


def _streams(options: Mapping[str, Any]) -> bool:
    return "stream" in (
        options.get("trace_lifecycle"),
        (options.get("_experiments") or {}).get("trace_lifecycle"),
    )
