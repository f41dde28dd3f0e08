"""Tasks of django-tasks-scheduler, from its release 3 on."""

from collections.abc import Iterator
from typing import Any

from django.contrib.contenttypes.models import ContentType

from django_taskq.scheduling.definition import Definition
from django_taskq.scheduling.imports.found import Found, NoCounterpart, model_of, read_all
from django_taskq.stores.database.clock import aware

APP, PACKAGE = "scheduler", "django-tasks-scheduler"
CRON, REPEATABLE, ONCE = "CronTaskType", "RepeatableTaskType", "OnceTaskType"
_SECONDS = {
    "weeks": 604_800.0, "days": 86_400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0,
}  # fmt: skip
_LEFT_OUT = ("at_front", "result_ttl")


def find() -> Iterator[Found]:
    """Return every task. Raise InvalidSchedule where the package is not installed."""
    return read_all(model_of(APP, "Task", PACKAGE), _read, lambda row: str(row.name))


def _read(row: Any) -> Found:
    definition = Definition(
        name=row.name,
        task=row.callable,
        queue=row.queue or None,
        args=[_value_of(each) for each in _arguments(row, "TaskArg")],
        kwargs={each.key: _value_of(each) for each in _arguments(row, "TaskKwarg")},
        options={"timeout": row.timeout} if row.timeout else {},
        **_time_of(row),
    )
    left_out = [name for name in _LEFT_OUT if getattr(row, name, None)]
    note = f"without its {', '.join(left_out)}" if left_out else None
    return Found(row.name, definition, bool(row.enabled), note=note)


def _time_of(row: Any) -> dict[str, Any]:
    if row.task_type == CRON:
        return {"expression": row.cron_string, "timezone": "UTC"}
    if row.task_type == ONCE:
        return {"at": aware(row.scheduled_time)}
    if row.task_type != REPEATABLE:
        raise NoCounterpart(f"Its type {row.task_type!r} is not known here.")
    if row.repeat is not None:
        raise NoCounterpart(f"It runs {row.repeat} times more: a schedule here has an end instead.")
    seconds = (row.interval or 0) * _SECONDS.get(row.interval_unit or "", 0.0)
    return {"every": seconds, "start_at": aware(row.scheduled_time)}


def _arguments(row: Any, model: str) -> Any:
    kind = ContentType.objects.get_for_model(type(row))
    rows = model_of(APP, model, PACKAGE)._default_manager
    return rows.filter(content_type=kind, object_id=row.pk).order_by("pk")


def _value_of(argument: Any) -> Any:
    match argument.arg_type:
        case "str":
            return argument.val
        case "int":
            return int(argument.val)
        case "bool":
            return argument.val.lower() == "true"
    raise NoCounterpart(
        f"An argument of it is of the type {argument.arg_type!r}, which JSON has not."
    )
