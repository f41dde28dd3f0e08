"""From a stored import path to a task and back: only what is decorated with @task runs."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from datetime import timedelta
from importlib import invalidate_caches
from time import monotonic
from typing import Any, NamedTuple

from django.tasks.base import Task as DjangoTask
from django.tasks.exceptions import InvalidTask
from django.utils.module_loading import import_string

from django_taskq.exceptions import JobUnloadable
from django_taskq.jobs import payload
from django_taskq.jobs.durations import in_seconds
from django_taskq.jobs.record import JobRecord
from django_taskq.tasks import FIELDS, Task

LONGEST_PATH = 255

# Seconds for which a failed import is not tried again, or so many times as long as it took: what
# fails after a second of work must not keep a worker at it.
REMEMBERED = 1.0
REMEMBERED_TIMES = 20
MOST_MISSING = 1000


class _Missing(NamedTuple):
    """A path that led to no task, and until when that is believed."""

    until: float
    told: str
    cause: Exception | None


_by_path: dict[str, DjangoTask] = {}
_missing: dict[str, _Missing] = {}
_stand_ins: dict[tuple[str, str, str], DjangoTask] = {}
_by_func: dict[Callable[..., Any], tuple[str, DjangoTask]] = {}


def load_task(path: str) -> DjangoTask:
    """Return the task that stands under an import path.

    Found tasks are kept for the life of the process. Raise JobUnloadable where the path cannot
    be imported or leads to something that is no task; that is believed for about a second.
    """
    known = _by_path.get(path)
    if known is not None:
        return known
    missing = _missing.get(path)
    if missing is None or monotonic() >= missing.until:
        missing = _look_for(path, is_again=missing is not None)
    if missing is None:
        return _by_path[path]
    raise JobUnloadable(missing.told) from missing.cause


def _look_for(path: str, *, is_again: bool) -> _Missing | None:
    """Import a path and keep the task that is found, or what is wrong with it."""
    if is_again:
        # It may have been deployed meanwhile, and Python keeps what is in a directory.
        invalidate_caches()
    started = monotonic()
    told, cause = "", None
    try:
        found = import_string(path)
        if isinstance(found, DjangoTask):
            _by_path[path] = found
            _missing.pop(path, None)
            return None
        told = f"Expected {path!r} to be a function decorated with @task, got {type(found)}."
    except Exception as error:
        told = f"The task {path!r} cannot be imported: {type(error).__name__}: {error}"
        cause = error
    now = monotonic()
    until = now + max(REMEMBERED, REMEMBERED_TIMES * (now - started))
    if len(_missing) >= MOST_MISSING:
        _missing.clear()
    missing = _missing[path] = _Missing(until, told, cause)
    return missing


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
    if getattr(task, "middleware", None) != getattr(registered, "middleware", None):
        raise InvalidTask(
            "middleware: expected what @task was given, got another list. A job carries no "
            "middlewares, so that what is stored never decides what is imported."
        )
    changed: dict[str, Any] = {}
    for name in _OPTION_NAMES:
        value = getattr(task, name, None)
        if value != getattr(registered, name, None):
            changed[name] = in_seconds(value) if isinstance(value, timedelta) else value
    own = getattr(registered, "declared", {})
    declared: Mapping[str, Any] = getattr(task, "declared", {})
    changed |= {name: declared[name] for name in declared if declared[name] != own.get(name)}
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
        # Made once: there may be thousands of jobs of a task that is not deployed here yet.
        known = _stand_ins.get((path, queue, backend))
        if known is None:
            if len(_stand_ins) >= MOST_MISSING:
                _stand_ins.clear()
            known = _stand_in(path, queue, backend, str(error))
            _stand_ins[path, queue, backend] = known
        return known


def task_of(record: JobRecord) -> DjangoTask:
    """Return the task as it was enqueued, or a stand-in where it can no longer be loaded."""
    registered = load_or_stand_in(record.task, record.queue, record.backend)
    changes = {
        "priority": record.priority,
        "queue_name": record.queue,
        "backend": record.backend,
        "run_after": record.run_after,
    }
    if record.task_id is not None:
        changes["task_id"] = record.task_id
    elif getattr(registered, "task_id", None) is not None:
        changes |= {"task_id": None, "on_duplicate": None}
    # A row may hold options that no task would take: its job is shown all the same.
    for options in (record.options, None):
        with suppress(Exception):
            return with_changes(registered, dict(changes), options)
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
    if not (isinstance(registered, Task) or (options is None and "task_id" not in changes)):
        plain = {item.name: getattr(registered, item.name) for item in fields(registered)}
        registered = Task(**plain)
    if all(getattr(registered, name, None) == value for name, value in changes.items()):
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
    return {
        name: value for name, value in stored.items() if name in _OPTION_NAMES or name not in FIELDS
    }


def _stand_in(path: str, queue: str, backend: str, told: str) -> DjangoTask:
    def missing(*args: Any, **kwargs: Any) -> Any:
        raise JobUnloadable(told)

    module, _, name = path.rpartition(".")
    missing.__module__, missing.__name__, missing.__qualname__ = module, name, name
    return Task(func=missing, queue_name=queue, backend=backend, priority=0, run_after=None)


# Those that a job may carry: a row must not decide what is imported, and a predictable id and
# what a job waits for have columns and rows of their own, which a copy leaves out.
_OPTION_NAMES = tuple(
    sorted(
        FIELDS
        - {item.name for item in fields(DjangoTask)}
        - {"declared", "middleware", "task_id", "on_duplicate", "depends_on", "trigger_rule"}
    )
)
