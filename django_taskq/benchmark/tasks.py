"""The task that a benchmark enqueues.

A task must name an alias and a queue that TASKS has, and "default" need be none of them, so it
takes what it finds there. Nothing is enqueued on that alias, only on a private copy of one.
"""

from time import monotonic_ns
from typing import Any

from django.tasks import task_backends

from django_taskq.control import durable_aliases
from django_taskq.tasks import task

_backends: Any = task_backends
_alias = durable_aliases()[0]
_queue = min(_backends[_alias].queues, default="default")


@task(backend=_alias, queue_name=_queue)
def tell_start(payload: str) -> int:
    """Do nothing; return when that was, in nanoseconds of this host's monotonic clock."""
    return monotonic_ns()
