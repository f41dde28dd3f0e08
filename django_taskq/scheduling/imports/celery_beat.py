"""Periodic tasks of django-celery-beat."""

from collections.abc import Iterator
from typing import Any

from django_taskq.jobs import payload
from django_taskq.scheduling.definition import Definition
from django_taskq.scheduling.imports.found import Found, NoCounterpart, model_of, read_all

APP, PACKAGE = "django_celery_beat", "django-celery-beat"
# What Celery's beat adds by itself.
OWN = "celery."
_SECONDS = {
    "days": 86_400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0, "microseconds": 1e-6,
}  # fmt: skip
_FREE = "*"
_LEFT_OUT = ("exchange", "routing_key", "priority", "expires", "expire_seconds")


def find() -> Iterator[Found]:
    """Return every periodic task. Raise InvalidSchedule where the package is not installed."""
    model = model_of(APP, "PeriodicTask", PACKAGE)
    return read_all(model, _read, lambda row: str(row.name))


def _read(row: Any) -> Found:
    if row.task.startswith(OWN):
        raise NoCounterpart(f"{row.task} is a part of Celery.")
    if row.one_off and row.clocked is None:
        raise NoCounterpart("It runs only once, at a time that depends on Celery: use --at.")
    definition = Definition(
        name=row.name,
        task=row.task,
        args=_json(row.args, []),
        kwargs=_json(row.kwargs, {}),
        queue=row.queue or None,
        start_at=row.start_time,
        **_time_of(row),
    )
    left_out = [name for name in _LEFT_OUT if getattr(row, name, None) is not None]
    note = f"without its {', '.join(left_out)}" if left_out else None
    return Found(row.name, definition, bool(row.enabled), note=note)


def _time_of(row: Any) -> dict[str, Any]:
    if row.interval is not None:
        return {"every": row.interval.every * _SECONDS[row.interval.period]}
    if row.crontab is not None:
        return _crontab(row.crontab)
    if row.clocked is not None:
        return {"at": row.clocked.clocked_time}
    raise NoCounterpart("It follows the sun: no schedule here does.")


def _crontab(cron: Any) -> dict[str, Any]:
    day, weekday = cron.day_of_month, cron.day_of_week
    if _FREE not in {day, weekday}:
        raise NoCounterpart(
            f"Celery runs it on days that are both {day!r} of the month and {weekday!r} of the "
            "week, cron on days that are either."
        )
    fields = (cron.minute, cron.hour, day, cron.month_of_year, weekday)
    expression = " ".join(field.replace(" ", "") for field in fields)
    return {"expression": expression, "timezone": str(cron.timezone)}


def _json(text: str | None, empty: Any) -> Any:
    try:
        return payload.decode(text) if text else empty
    except ValueError as error:
        raise NoCounterpart(f"Its arguments are not JSON: {error}") from error
