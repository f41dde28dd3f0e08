"""What is wrong with the call that a schedule makes: its task, backend, options, arguments."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from inspect import signature
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.tasks import task_backends
from django.tasks.base import Task as DjangoTask
from django.tasks.exceptions import InvalidTask

from django_taskq.control import durable_aliases, store_of
from django_taskq.exceptions import JobUnloadable
from django_taskq.jobs import payload
from django_taskq.jobs.durations import in_seconds
from django_taskq.loading import load_task
from django_taskq.scheduling.definition import Definition, Fault
from django_taskq.scheduling.places import can_tick
from django_taskq.tasks import Task

# Options of tasks that a schedule has under a name of its own, or decides itself.
ELSEWHERE = {
    "queue_name": "queue",
    "tenant": "tenant",
    "priority": "priority",
    "backend": "backend",
    "run_after": "start_at",
    "task_id": "overlap",
    "on_duplicate": "overlap",
}


def find_call_faults(definition: Definition) -> Iterator[Fault]:
    """Return what keeps the task from being enqueued as the schedule says."""
    try:
        task = load_task(definition.task)
    except JobUnloadable as error:
        yield Fault("task", f"task: expected the import path of a registered task. {error}")
        return
    if getattr(task, "task_id", None) is not None:
        yield Fault(
            "task",
            f"task: expected one without a task_id of its own, got {definition.task!r}. Each tick "
            "has a job; overlap says what becomes of it while an earlier one has not ended.",
        )
        return
    yield from _find_argument_faults(task, definition)
    wrong = find_backend_fault(definition.backend or task.backend)
    if wrong is not None:
        yield Fault("backend", wrong)
        return
    yield from _find_option_faults(task, definition)


def find_backend_fault(alias: str) -> str | None:
    """Return in a sentence why no schedule can enqueue on an alias, or None."""
    if alias not in task_backends:
        return f"backend: expected one of {', '.join(task_backends)}, got {alias!r}."
    try:
        store_of(alias)
        if can_tick(alias):
            return None
    except ImproperlyConfigured as error:
        return f"backend: {error}"
    durable = ", ".join(durable_aliases()) or "an alias with durable jobs"
    return (
        f"backend: the jobs of {alias!r} live in the memory of one process. Set "
        f"OPTIONS['SCHEDULER'] of TASKS[{alias!r}] to True to have that process tick, or use "
        f"{durable}."
    )


def options_to_store(task: DjangoTask | None, options: Mapping[str, Any]) -> str | None:
    """Return task options as the JSON that a row keeps of them, None where there are none."""
    if not options:
        return None
    kept: dict[str, Any] = {
        name: in_seconds(value) if isinstance(value, timedelta) else value
        for name, value in options.items()
    }
    if isinstance(kept.get("metadata"), Mapping):
        kept["metadata"] = {**(getattr(task, "metadata", None) or {}), **kept["metadata"]}
    return payload.encode(kept, "the task's options")


def _find_argument_faults(task: DjangoTask, definition: Definition) -> Iterator[Fault]:
    for field, kind in (("args", list | tuple), ("kwargs", Mapping)):
        wrong = _find_payload_fault(field, kind, getattr(definition, field))
        if wrong is not None:
            yield Fault(field, wrong)
            return
    taken = signature(task.func)
    if task.takes_context:
        taken = taken.replace(parameters=list(taken.parameters.values())[1:])
    try:
        taken.bind(*definition.args, **definition.kwargs)
    except TypeError as error:
        yield Fault("args", f"args: expected what {task.name}{taken} takes: {error}.")


def _find_payload_fault(field: str, kind: Any, value: Any) -> str | None:
    if not isinstance(value, kind):
        wanted = "a dict" if kind is Mapping else "a list"
        return f"{field}: expected {wanted}, got {value!r}."
    try:
        payload.encode(value, field)
    except (TypeError, ValueError) as error:
        return f"{field}: {error}"
    return None


def _find_option_faults(task: DjangoTask, definition: Definition) -> Iterator[Fault]:
    """Give the task each option by itself, so that it is known which of them it refuses."""
    given: Any = definition.options
    if not isinstance(given, Mapping):
        yield Fault("options", f"options: expected a dict, got {given!r}.")
        return
    for name in ELSEWHERE.keys() & given.keys():
        yield Fault(
            "options",
            f"options: expected further options of the task, got {name!r}. Use "
            f"{ELSEWHERE[name]} of the schedule.",
        )
        return
    ours = _ours(task)
    place = {"backend": definition.backend, "queue_name": definition.queue}
    attempts: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("backend" if definition.queue is None else "queue", place),
        ("tenant", {**place, "tenant": definition.tenant}),
        ("priority", {**place, "priority": definition.priority}),
        ("options", {**place, **given}),
    )
    for field, changes in attempts:
        wrong = _refusal(ours, changes)
        if wrong is not None:
            yield Fault(field, wrong if field in wrong[: len(field)] else f"{field}: {wrong}")
            return


def _refusal(task: Task, changes: Mapping[str, Any]) -> str | None:
    try:
        # Read back: a job carries what JSON has made of an option.
        stored = options_to_store(task, {k: v for k, v in changes.items() if v is not None})
        task.using(**payload.decode(stored or "{}"))
    except (InvalidTask, TypeError, ValueError) as error:
        return str(error)
    return None


def _ours(task: DjangoTask) -> Task:
    """Return the task as one that has our options."""
    if isinstance(task, Task):
        return task
    return Task(**{name: getattr(task, name) for name in DjangoTask.__dataclass_fields__})
