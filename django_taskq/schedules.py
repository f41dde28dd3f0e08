"""Schedules kept in code: values in modules that TASKQ["SCHEDULES"] names."""

from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django_taskq.scheduling.code_schedule import CodeSchedule
from django_taskq.tasks import Signature, Task


class Settings(TypedDict, total=False):
    """What every schedule may be told; the words are those of `manage.py schedule add`."""

    timezone: str | None
    start: datetime | None
    end: datetime | None
    jitter: float | timedelta
    catchup: str
    overlap: str


def cron(
    expression: str, call: Signature | Task, *, name: str, **settings: Unpack[Settings]
) -> CodeSchedule:
    """Return a schedule that is due whenever a cron expression says so, in its time zone.

    Without a `timezone` that is the project's TIME_ZONE. It is checked by `manage.py check` and
    where a worker starts, not here.
    """
    return _made(name, call, settings, expression=expression)


def every(
    interval: str | float | timedelta,
    call: Signature | Task,
    *,
    name: str,
    **settings: Unpack[Settings],
) -> CodeSchedule:
    """Return a schedule that is due again after each interval: `30s`, seconds or a timedelta."""
    return _made(name, call, settings, every=interval)


def at(
    moment: datetime, call: Signature | Task, *, name: str, **settings: Unpack[Settings]
) -> CodeSchedule:
    """Return a schedule that is due once; a moment without an offset is in its time zone."""
    return _made(name, call, settings, at=moment)


def _made(name: str, call: Signature | Task, given: Settings, **when: Any) -> CodeSchedule:
    unknown = given.keys() - Settings.__annotations__.keys()
    if unknown:
        known = ", ".join(Settings.__annotations__)
        raise TypeError(f"Expected name and any of {known}, got {', '.join(sorted(unknown))}.")
    settings: dict[str, Any] = {_COLUMNS.get(key, key): value for key, value in given.items()}
    made = call if isinstance(call, Signature) else call.s()
    return CodeSchedule(name=name, call=made, settings={**settings, **when})


_COLUMNS = {"start": "start_at", "end": "end_at"}
