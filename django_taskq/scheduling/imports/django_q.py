"""Schedules of django-q and django-q2."""

import ast
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from django_taskq.scheduling.definition import Definition
from django_taskq.scheduling.imports.found import Found, NoCounterpart, model_of, read_all
from django_taskq.stores.database.clock import aware

APP, PACKAGE = "django_q", "django-q or django-q2"
ONCE, CRON, FORTNIGHT = "O", "C", "BW"
_LEFT_OUT = ("hook", "timeout_hook", "failure_hook", "cluster", "intended_date_kwarg")
_LAST_COMMON_DAY = 28


def find() -> Iterator[Found]:
    """Return every schedule. Raise InvalidSchedule where neither package is installed."""
    return read_all(model_of(APP, "Schedule", PACKAGE), _read, _name_of)


def _name_of(row: Any) -> str:
    return row.name or f"django-q-{row.pk}"


def _read(row: Any) -> Found:
    if row.repeats == 0:
        raise NoCounterpart("It has run as often as it was to.")
    if row.repeats > 0 and row.schedule_type != ONCE:
        raise NoCounterpart(
            f"It runs {row.repeats} times more: a schedule here has an end instead."
        )
    definition = Definition(
        name=_name_of(row),
        task=row.func,
        args=_positional(row.args),
        kwargs=_named(row.kwargs),
        **_time_of(row),
    )
    left_out = [name for name in _LEFT_OUT if getattr(row, name, None)]
    note = f"without its {', '.join(left_out)}" if left_out else None
    return Found(definition.name, definition, note=note)


def _time_of(row: Any) -> dict[str, Any]:
    if row.schedule_type == CRON:
        return {"expression": row.cron}
    if row.next_run is None:
        raise NoCounterpart("It has no next run from which its time would follow.")
    next_run = aware(row.next_run)
    if row.schedule_type == ONCE:
        return {"at": next_run}
    minutes = _MINUTES.get(row.schedule_type)
    if minutes is not None:
        return {"every": minutes(row) * 60.0, "start_at": next_run}
    fields = _FIELDS.get(row.schedule_type)
    if fields is None:
        raise NoCounterpart(f"Its type {row.schedule_type!r} is not known here.")
    local = timezone.localtime(next_run, timezone.get_default_timezone())
    return {"expression": f"{local.minute} {local.hour} {fields(local)}"}


def _monthly(step: int) -> Callable[[datetime], str]:
    def fields(local: datetime) -> str:
        if local.day > _LAST_COMMON_DAY:
            raise NoCounterpart(
                f"It runs on day {local.day}, which some months lack: use L for the last day."
            )
        months = sorted((local.month - 1 + step * n) % 12 + 1 for n in range(12 // step))
        return f"{local.day} {'*' if step == 1 else ','.join(map(str, months))} *"

    return fields


# The minutes between two runs, and the last three fields of a cron expression, of each type.
_MINUTES: dict[str, Callable[[Any], float]] = {
    "I": lambda row: row.minutes or 1,
    "H": lambda row: 60,
    FORTNIGHT: lambda row: 14 * 24 * 60,
}
_FIELDS: dict[str, Callable[[datetime], str]] = {
    "D": lambda local: "* * *",
    "W": lambda local: f"* * {local.isoweekday() % 7}",
    "M": _monthly(1),
    "BM": _monthly(2),
    "Q": _monthly(3),
    "Y": _monthly(12),
}


def _positional(text: str | None) -> list[Any]:
    if not text:
        return []
    value = _literal(text)
    return list(value) if isinstance(value, tuple) else [value]


def _named(text: str | None) -> dict[str, Any]:
    """Read keyword arguments: a dict, or the inside of a call."""
    if not text:
        return {}
    try:
        value = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        value = None
    if isinstance(value, dict):
        return value
    try:
        call: Any = ast.parse(f"f({text})", mode="eval").body
        return {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, AttributeError):
        raise NoCounterpart(f"Its keyword arguments cannot be read: {text!r}.") from None


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        raise NoCounterpart(f"Its arguments cannot be read: {text!r}.") from None
