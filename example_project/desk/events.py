"""The progress of a job as server-sent events."""

import json
from collections.abc import Iterator
from time import monotonic
from typing import Any

from django.tasks import TaskResult

import django_taskq
from django_taskq.exceptions import WaitTimeout
from django_taskq.jobs.record import JobRecord

LOOK_EVERY = 0.5
# A browser connects again by itself after the stream has ended.
LONGEST_STREAM = 120.0


def follow(result: TaskResult, longest: float = LONGEST_STREAM) -> Iterator[bytes]:
    """Yield what becomes of a job until it has ended or the seconds are over.

    Runs in the thread of a request; each look also sends a line, so that a reader who has left
    is noticed.
    """
    deadline = monotonic() + longest
    last = None
    while True:
        job = django_taskq.get_job(result)
        now = describe(job)
        yield event("state", now) if now != last else b": still here\n\n"
        last = now
        if job.is_ended:
            yield event("end", now)
            return
        if monotonic() >= deadline:
            return
        _pause(result)


def event(name: str, data: dict[str, Any]) -> bytes:
    """Write one event; JSON in a single line cannot break out of its `data` field."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def describe(job: JobRecord) -> dict[str, Any]:
    """Return what the page of a job shows of it."""
    progress = job.progress
    return {
        "state": str(job.state),
        "reason": job.reason or "",
        "tries": job.tries,
        "done": progress.done if progress else None,
        "total": progress.total if progress else None,
        "message": progress.message if progress else "",
    }


def _pause(result: TaskResult) -> None:
    try:
        django_taskq.wait(result, timeout=LOOK_EVERY)
    except WaitTimeout:
        return
