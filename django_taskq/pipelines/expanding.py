"""The task behind a mapped step: it checks the list; the worker that ran it has it grow.

A task must name an alias and a queue that TASKS has, and "default" need be none of them.
"""

from typing import Any

from django.tasks import task_backends

from django_taskq.exceptions import RejectError
from django_taskq.tasks import Task, task


def _any_alias() -> str:
    aliases = list(task_backends)
    return next(
        (name for name in aliases if issubclass(task_backends[name].task_class, Task)), aliases[0]
    )


_alias = _any_alias()
_queue = min(task_backends[_alias].queues, default="default")


@task(backend=_alias, queue_name=_queue)
def expand(items: Any, template: dict[str, Any], limit: int) -> list[Any]:
    """Return the items over which a step is mapped. Raise RejectError where they are none."""
    path = template["task"]
    if not isinstance(items, list):
        raise RejectError(
            f"{path} was to be mapped over a list, got {type(items).__name__}: {items!r:.100}."
        )
    if len(items) > limit:
        raise RejectError(
            f"{path} was to be mapped over at most {limit} items, got {len(items)}. Put several "
            "into each item, or raise MAX_MAP_LENGTH in the OPTIONS of this alias."
        )
    return items
