"""OPTIONS of one TASKS alias, read once into a frozen, validated object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django_taskq.exceptions import InvalidOptions
from django_taskq.jobs.backoff import MOST_TRIES, BackoffRule, check_backoff
from django_taskq.jobs.durations import check_duration, in_seconds
from django_taskq.jobs.xcom import check_ttl

RETENTION = {"successful": 7.0, "failed": 30.0, "canceled": 7.0}
LONGEST_SECONDS = 86400
LONGEST_DAYS = 36500

# Outermost first. MaxRate is the last: nothing may delay a start that it has let through.
MIDDLEWARE = (
    "django_taskq.middleware.MaxTries",
    "django_taskq.middleware.MaxAge",
    "django_taskq.middleware.MaxRate",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the OPTIONS of an alias."""

    key: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the OPTIONS of one alias say, defaults filled in. Durations are in seconds."""

    middleware: Sequence[Any] = MIDDLEWARE
    max_tries: int | None = None
    backoff: BackoffRule = "exponential"
    max_lost: int = 3
    tenant: str | None = None
    timeout: float | None = None
    tenant_share: float | None = None
    priority_aging: float | None = None
    enqueue_on_commit: bool | str = False
    unloadable_grace: float = 60.0
    xcom_ttl: float = 3600.0
    xcom_max_bytes: int = 262_144
    max_map_length: int = 10_000
    missing_dependency: str = "refuse"
    database: str | None = None
    lease: float = 30.0
    poll_interval: float = 1.0
    retention: Mapping[str, float | None] = field(default_factory=lambda: dict(RETENTION))
    max_workers: int | None = None
    max_results: int = 1000
    start_method: str | None = None
    scheduler: bool = False
    cache: str = "default"
    prefix: str = "taskq"
    durable: bool = True


class _Bad(Exception):
    """A value that cannot be used; its text says what was expected."""


type Reader = Callable[[Any], Any]


def _none_or(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _whole(least: int, most: int | None = None) -> Reader:
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(value: Any) -> int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or value < least or (most is not None and value > most):
            raise _Bad(f"a whole number {bounds}")
        return int(value)

    return read


def _seconds(least: float) -> Reader:
    def read(value: Any) -> float:
        if isinstance(value, timedelta):
            value = value.total_seconds()
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and least <= value <= LONGEST_SECONDS):
            raise _Bad(f"seconds (or a timedelta) from {least:g} to {LONGEST_SECONDS}")
        return float(value)

    return read


def _duration(value: Any) -> float:
    wrong = check_duration(value)
    if wrong is not None:
        raise _Bad(wrong.removeprefix("expected ").rpartition(", got ")[0])
    return in_seconds(value)


def _ttl(value: Any) -> float:
    wrong = check_ttl(value)
    if wrong is not None:
        raise _Bad(wrong.removeprefix("expected ").rpartition(", got ")[0])
    return in_seconds(value)


def _share(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 < value <= 1):
        raise _Bad("a number above 0 and of at most 1")
    return float(value)


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Bad("True or False")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Bad("text that is not empty")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Bad("True or False")
    return value


def _prefix(value: Any) -> str:
    # Its keys have one hash tag, which ends at the first brace.
    if not isinstance(value, str) or not value or {"{", "}"} & set(value):
        raise _Bad("text that is not empty and has no braces")
    return value


def _one_of(*known: str) -> Reader:
    def read(value: Any) -> str:
        if value not in known:
            raise _Bad(f"one of {', '.join(known)}")
        return str(value)

    return read


def _backoff(value: Any) -> BackoffRule:
    wrong = check_backoff(value)
    if wrong is not None:
        raise _Bad(wrong.removeprefix("expected ").rpartition(", got ")[0])
    rule: BackoffRule = value
    return rule


def _middleware(value: Any) -> tuple[Any, ...]:
    # What an entry leads to is looked at when it is needed, or by the system checks.
    if not isinstance(value, list | tuple):
        raise _Bad("a list of dotted paths, classes or instances")
    return tuple(value)


def _bool_or_text(value: Any) -> bool | str:
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    raise _Bad("True, False, or the name of a database alias")


def _retention(value: Any) -> dict[str, float | None]:
    if not isinstance(value, Mapping):
        raise _Bad(f"a dict with any of the keys {', '.join(RETENTION)}")
    merged: dict[str, float | None] = dict(RETENTION)
    for key, days in value.items():
        if key not in RETENTION:
            raise _Bad(f"a dict with any of the keys {', '.join(RETENTION)} (not {key!r})")
        if isinstance(days, timedelta):
            days = days.total_seconds() / 86400
        is_number = isinstance(days, int | float) and not isinstance(days, bool)
        if days is not None and not (is_number and 0 <= days <= LONGEST_DAYS):
            raise _Bad(f"days from 0 to {LONGEST_DAYS}, or None to keep for ever, under {key!r}")
        merged[key] = None if days is None else float(days)
    return merged


COMMON: dict[str, Reader] = {
    "MIDDLEWARE": _middleware,
    "MAX_TRIES": _none_or(_whole(1, MOST_TRIES)),
    "BACKOFF": _backoff,
    "MAX_LOST": _whole(1),
    "TENANT": _none_or(_text),
    "TIMEOUT": _none_or(_duration),
    "TENANT_SHARE": _none_or(_share),
    "PRIORITY_AGING": _none_or(_seconds(0.001)),
    "ENQUEUE_ON_COMMIT": _bool_or_text,
    "UNLOADABLE_GRACE": _seconds(0),
    "XCOM_TTL": _ttl,
    "XCOM_MAX_BYTES": _whole(1),
    "MAX_MAP_LENGTH": _whole(1),
    "MISSING_DEPENDENCY": _one_of("refuse", "wait"),
}
DURABLE: dict[str, Reader] = COMMON | {
    "DATABASE": _none_or(_text),
    "LEASE": _seconds(1),
    "POLL_INTERVAL": _seconds(0.01),
    "RETENTION": _retention,
}
REDIS: dict[str, Reader] = DURABLE | {
    "CACHE": _text,
    "PREFIX": _prefix,
    "DURABLE": _flag,
}
POOL: dict[str, Reader] = COMMON | {
    "MAX_WORKERS": _none_or(_whole(1)),
    "MAX_RESULTS": _whole(0),
    "SCHEDULER": _bool,
}
PROCESS_POOL: dict[str, Reader] = POOL | {
    "START_METHOD": _none_or(_one_of("fork", "forkserver", "spawn")),
}


def find_problems(given: Any, readers: Mapping[str, Reader]) -> list[Problem]:
    """Return everything that is wrong with the OPTIONS of an alias."""
    return _read(given, readers)[1]


def read_options(alias: str, given: Any, readers: Mapping[str, Reader]) -> Options:
    """Read the OPTIONS of an alias. Raise InvalidOptions that names the alias and every key."""
    values, problems = _read(given, readers)
    if problems:
        told = " ".join(f"{problem.message} {problem.hint}" for problem in problems)
        raise InvalidOptions(f"TASKS[{alias!r}]: {told}")
    return Options(**values)


def read_middleware(alias: str, given: Any) -> Sequence[Any]:
    """Read the middlewares of an alias alone; what else is wrong with its OPTIONS has its time.

    Raise InvalidOptions.
    """
    given = given.get("MIDDLEWARE", MIDDLEWARE) if isinstance(given, Mapping) else MIDDLEWARE
    return read_options(alias, {"MIDDLEWARE": given}, COMMON).middleware


_WRITE_DICT = "Write {} around its keys, or leave it out."


def _read(given: Any, readers: Mapping[str, Reader]) -> tuple[dict[str, Any], list[Problem]]:
    if not isinstance(given, Mapping):
        wrong = Problem("OPTIONS", f"Expected OPTIONS to be a dict, got {given!r}.", _WRITE_DICT)
        return {}, [wrong]
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in given.items():
        if key not in readers:
            problems.append(_unknown(key, readers))
            continue
        try:
            values[str(key).lower()] = readers[key](value)
        except _Bad as error:
            message = f"Expected OPTIONS[{key!r}] to be {error}, got {value!r}."
            problems.append(Problem(str(key), message, f"Correct {key}, or leave it out."))
    return values, problems


def _unknown(key: Any, readers: Mapping[str, Reader]) -> Problem:
    known = ", ".join(sorted(readers))
    return Problem(
        str(key),
        f"OPTIONS[{key!r}] is not an option of this backend.",
        f"Remove it, or use one of {known}.",
    )
