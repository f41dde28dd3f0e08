"""From a stored import path to a task and back: only what is decorated with @task runs."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from django.tasks.base import Task as DjangoTask
from django.tasks.exceptions import InvalidTask
from django.utils.module_loading import import_string

from django_taskq.exceptions import JobUnloadable
from django_taskq.jobs import payload
from django_taskq.jobs.durations import in_seconds
from django_taskq.jobs.record import JobRecord
from django_taskq.tasks import Task

LONGEST_PATH = 255

_by_path: dict[str, DjangoTask] = {}
_by_func: dict[Callable[..., Any], tuple[str, DjangoTask]] = {}


def load_task(path: str) -> DjangoTask:
    """Return the task that stands under an import path.

    Found tasks are kept for the life of the process. Raise JobUnloadable where the path cannot
    be imported or leads to something that is no task.
    """
    known = _by_path.get(path)
    if known is not None:
        return known
    try:
        found = import_string(path)
    except Exception as error:
        raise JobUnloadable(
            f"The task {path!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, DjangoTask):
        raise JobUnloadable(
            f"Expected {path!r} to be a function decorated with @task, got {type(found)}."
        )
    _by_path[path] = found
    return found


def loaded_modules() -> list[str]:
    """Return the modules from which this process has loaded tasks."""
    return sorted({path.rpartition(".")[0] for path in list(_by_path)} - {"__main__"})


def path_of(task: DjangoTask) -> tuple[str, DjangoTask]:
    """Return a task's import path and the task that stands there.

    Raise InvalidTask where the path does not lead back to the same function, since a worker
    could not find it.
    """
    known = _by_func.get(task.func)
    if known is not None:
        return known
    path = task.module_path
    if len(path) > LONGEST_PATH:
        raise InvalidTask(f"The import path {path!r} is longer than {LONGEST_PATH} characters.")
    try:
        registered = load_task(path)
    except JobUnloadable as error:
        raise InvalidTask(f"A worker could not find this task. {error}") from error
    if registered.func != task.func:
        raise InvalidTask(f"The import path {path!r} leads to another function than the task's.")
    _by_func[task.func] = (path, registered)
    return path, registered


def options_of(task: DjangoTask, registered: DjangoTask) -> str | None:
    """Return as JSON the options in which a task differs from the one under its path."""
    if task is registered:
        return None
    changed: dict[str, Any] = {}
    for name in _OPTION_NAMES:
        value = getattr(task, name, None)
        if value != getattr(registered, name, None):
            changed[name] = in_seconds(value) if isinstance(value, timedelta) else value
    if not changed:
        return None
    if callable(changed.get("backoff")):
        raise InvalidTask(
            "backoff: a function can only be given to @task, since a job stores no functions. "
            "Give using() a name, seconds or a list of seconds."
        )
    return payload.encode(changed, "the task's options")


def load_or_stand_in(path: str, queue: str, backend: str) -> DjangoTask:
    """Return the task under a path, or one that raises JobUnloadable when it is called."""
    try:
        return load_task(path)
    except JobUnloadable as error:
        return _stand_in(path, queue, backend, error)


def task_of(record: JobRecord) -> DjangoTask:
    """Return the task as it was enqueued, or a stand-in where it can no longer be loaded."""
    registered = load_or_stand_in(record.task, record.queue, record.backend)
    changes = {
        "priority": record.priority,
        "queue_name": record.queue,
        "backend": record.backend,
        "run_after": record.run_after,
    }
    try:
        return with_changes(registered, dict(changes), record.options)
    except Exception:  # options of a row that no task would take: show the job all the same
        return registered


def with_changes(
    registered: DjangoTask, changes: dict[str, Any], options: str | None
) -> DjangoTask:
    """Return the registered task with the values that its job carries.

    Raise InvalidTask for values that no task would take, but for the queue: one that was taken
    out of QUEUES may still hold jobs, and these run.
    """
    if options is not None:
        changes |= _readable(options)
        if not isinstance(registered, Task):
            plain = {item.name: getattr(registered, item.name) for item in fields(registered)}
            registered = Task(**plain)
    if all(getattr(registered, name) == value for name, value in changes.items()):
        return registered
    queue = changes.pop("queue_name", registered.queue_name)
    made = replace(registered, **changes)
    object.__setattr__(made, "queue_name", queue)
    return made


def _readable(options: str) -> dict[str, Any]:
    try:
        stored = payload.decode(options)
    except ValueError:
        return {}
    if not isinstance(stored, dict):
        return {}
    return {name: value for name, value in stored.items() if name in _OPTION_NAMES}


def _stand_in(path: str, queue: str, backend: str, error: JobUnloadable) -> DjangoTask:
    def missing(*args: Any, **kwargs: Any) -> Any:
        raise error

    module, _, name = path.rpartition(".")
    missing.__module__, missing.__name__, missing.__qualname__ = module, name, name
    return Task(func=missing, queue_name=queue, backend=backend, priority=0, run_after=None)


_OPTION_NAMES = tuple(
    sorted({item.name for item in fields(Task)} - {item.name for item in fields(DjangoTask)})
)
