"""Cron expressions: what is allowed, and the local times that one names."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from croniter import croniter

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.days import Days
from django_taskq.scheduling.times import Times

LONGEST = 200
ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31, L for the last, 15W for the nearest weekday"),
    ("month", "1-12 or jan-dec"),
    ("day of the week", "0-7 or sun-sat, 5#2 for the second Friday, L5 for the last"),
    ("second", "0-59"),
)
MINUTE, HOUR, DAY, MONTH, WEEKDAY, SECOND = range(6)
_BLANK = re.compile(r"\s+", re.ASCII)
_HASHED_DAY = "h(1-28)"
_FREE = "*"
_FREE_DAYS = ("*", "?")
_SECOND, _HOUR = timedelta(seconds=1), timedelta(hours=1)
_HOURS = 24
_HASHED = re.compile(r"h(?:[(/].*)?", re.ASCII)
_RANDOM = re.compile(r"(?:.*,)?r(?:[(/,].*)?", re.ASCII)
_NEAREST = re.compile(r"w?(\d+)w?", re.ASCII)


class Expression:
    """The local times that a cron expression names, of a calendar without changes of clocks.

    `is_fixed` tells whether it fixes the hour: its hour field is neither free nor has a step.
    """

    __slots__ = ("days", "is_fixed", "text", "times")

    def __init__(self, text: str, days: Days, times: Times, *, is_fixed: bool) -> None:
        self.text, self.days, self.times, self.is_fixed = text, days, times, is_fixed

    def is_same_after(self, shift: timedelta) -> bool:
        """Tell whether it surely names what is later by `shift` than each time that it names."""
        return (
            len(self.times.hours) == _HOURS and self.days.are_free and shift % _HOUR == timedelta()
        )

    def has(self, local: datetime) -> bool:
        """Tell whether it names a local time."""
        return not local.microsecond and self.times.has(local) and self.days.has(local)

    def at_or_after(self, local: datetime) -> datetime | None:
        """Return the first named local time that is not earlier."""
        local = _whole(local)
        if self.days.has(local):
            time = self.times.at_or_after(local)
            if time is not None:
                return datetime.combine(local, time)
        day = self.days.after(local)
        return None if day is None else datetime.combine(day, self.times.first)

    def before(self, local: datetime) -> datetime | None:
        """Return the last named local time that is earlier."""
        local = _whole(local)
        if self.days.has(local):
            time = self.times.before(local)
            if time is not None:
                return datetime.combine(local, time)
        day = self.days.before(local)
        return None if day is None else datetime.combine(day, self.times.last)

    def count(self, start: datetime, end: datetime) -> int:
        """Count the named local times from one to another, which is outside."""
        start, end = _whole(start), _whole(end)
        if start >= end:
            return 0
        found = self._count_before(end) - self._count_before(start)
        if start.date() == end.date():
            return found
        first = self.times.count if self.days.has(start) else 0
        return found + first + self.times.count * self.days.count_between(start, end)

    def _count_before(self, local: datetime) -> int:
        return self.times.count_before(local) if self.days.has(local) else 0


def parse_expression(text: object, name: str = "") -> Expression:
    """Return what a text stands for; `H` in it is drawn by the name. Raise InvalidSchedule."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise _refusal(f"expected at most {LONGEST} characters of text", text)
    fields = _fields_of(text)
    is_hashed = any(_HASHED.fullmatch(field) for field in fields)
    return _parsed(tuple(fields), name if is_hashed else None)


class _Expanded(NamedTuple):
    values: list[list[Any]]
    ordinals: dict[Any, set[Any]]


@lru_cache(maxsize=4096)
def _parsed(fields: tuple[str, ...], hash_id: str | None) -> Expression:
    expanded = _expand(fields, hash_id)
    values = expanded.values
    return Expression(
        " ".join(fields),
        _days(fields, expanded),
        Times(
            _range(values[HOUR], _HOURS),
            _range(values[MINUTE], 60),
            _range(values[SECOND], 60) if len(values) > SECOND else (0,),
        ),
        is_fixed="/" not in fields[HOUR] and _FREE not in values[HOUR],
    )


def _fields_of(text: str) -> list[str]:
    text = text.strip().lower()
    if text.startswith("@") and text not in ALIASES:
        raise _refusal(f"expected five or six fields or one of {', '.join(ALIASES)}", text)
    fields = [field for field in _BLANK.split(ALIASES.get(text, text)) if field]
    if len(fields) not in {5, 6}:
        raise _refusal(
            "expected five fields (minute, hour, day of the month, month, day of the week), a "
            f"sixth for seconds at the end, or one of {', '.join(ALIASES)}; these are "
            f"{len(fields)} fields",
            text,
        )
    if any(_RANDOM.fullmatch(field) for field in fields):
        raise _refusal(
            "R is random, so that no two workers would agree on it; H draws a value by the "
            "schedule's name, which stays",
            text,
        )
    return fields


def _expand(fields: tuple[str, ...], hash_id: str | None) -> _Expanded:
    text = " ".join(fields)
    # A hashed day that some months lack would leave those out.
    read = [_HASHED_DAY if (at, field) == (DAY, "h") else field for at, field in enumerate(fields)]
    drawn_by = None if hash_id is None else hash_id.encode(errors="surrogatepass")
    try:
        return _Expanded(*croniter.expand(" ".join(read), hash_id=drawn_by, strict=True))
    except ValueError as error:
        wrong = [at for at in range(len(fields)) if not _is_field(at, fields[at])]
        if not wrong:
            raise _refusal(_lacking(fields), text) from error
        noun, allowed = FIELDS[wrong[0]]
        raise _refusal(
            f"the {noun} {fields[wrong[0]]!r} is not allowed; expected {allowed}, *, ranges like "
            "1-5, lists like 1,3, steps like */2, or H",
            text,
        ) from error


def _is_field(at: int, field: str) -> bool:
    """Tell whether a field is allowed where all others are free."""
    alone = [_FREE] * len(FIELDS)
    alone[at] = field
    try:
        croniter.expand(" ".join(alone), hash_id=b"")
    except ValueError:
        return False
    return True


def _lacking(fields: tuple[str, ...]) -> str:
    so = "it can never fire" if fields[WEEKDAY] in _FREE_DAYS else "the weekday alone would count"
    return (
        f"day {fields[DAY]} of the month never comes in month {fields[MONTH]}, so that {so}; "
        "expected a day that one of the months has"
    )


def _days(fields: tuple[str, ...], expanded: _Expanded) -> Days:
    days, weekdays = expanded.values[DAY], expanded.values[WEEKDAY]
    nearest = _NEAREST.fullmatch(fields[DAY]) if "w" in fields[DAY] else None
    ordinals = frozenset(
        (int(weekday), -1 if ordinal == "l" else int(ordinal))
        for weekday, which in expanded.ordinals.items()
        for ordinal in which
    )
    return Days(
        days=None if _FREE in days else frozenset(day for day in days if day != "l"),
        is_last="l" in days,
        nearest=None if nearest is None else int(nearest[1]),
        months=frozenset(_range(expanded.values[MONTH], 12, 1)),
        weekdays=frozenset(_range(weekdays, 7)) if ordinals or _FREE not in weekdays else None,
        ordinals=ordinals,
    )


def _range(values: list[Any], count: int, least: int = 0) -> tuple[int, ...]:
    if _FREE in values:
        return tuple(range(least, least + count))
    return tuple(sorted(values))


def _refusal(reason: str, text: object) -> InvalidSchedule:
    shown = repr(text)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
    return InvalidSchedule(f"expression: {reason}; got {shown}.", option="expression")


def _whole(local: datetime) -> datetime:
    """Return the first whole second that is not earlier."""
    return local.replace(microsecond=0) + _SECOND if local.microsecond else local
