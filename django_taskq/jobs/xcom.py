"""XCom values: small JSON that jobs hand to one another, pushed and kept."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django_taskq.exceptions import XComTooLarge
from django_taskq.jobs import payload

DEFAULT_NAMESPACE = "default"
LONGEST_NAME = 200
LONGEST_TTL = 36_500 * 86_400.0


class Pusher(NamedTuple):
    """The attempt that a value belongs to; `name` is the job's `task_id`, or its function's name.

    What it pushed is read as long as this attempt is the job's current one: it runs, or the job
    has ended with it.
    """

    seq: int
    attempt: int
    job_id: str
    name: str


class XCom(NamedTuple):
    """One value to push, as JSON text; `ttl` is in seconds, None for no end.

    What is pushed outside of any job has no pusher.
    """

    tenant: str
    namespace: str
    key: str
    value: str
    ttl: float | None = None
    pusher: Pusher | None = None


class XComRecord(NamedTuple):
    """A stored value that may be read."""

    tenant: str
    namespace: str
    key: str
    value: str
    pushed_at: datetime
    expires_at: datetime | None
    job_id: str | None
    attempt: int | None
    pushed_by: str | None


class XComFilter(NamedTuple):
    """Which values `find` returns, newest first; None leaves a field open."""

    tenant: str | None = None
    namespace: str | None = None
    limit: int | None = None


def check_ttl(value: object) -> str | None:
    """Return what is wrong with a life of values, or None where it can be used."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (is_number or isinstance(value, timedelta)) and 0 <= _seconds(value) <= LONGEST_TTL:
        return None
    return (
        "expected seconds (or a timedelta) of at most 36500 days, 0 for a value without an end, "
        f"got {value!r}"
    )


def read_ttl(value: float | timedelta) -> float | None:
    """Return a life in seconds, None for one without an end."""
    return _seconds(value) or None


def write_value(key: str, value: Any, most: int) -> str:
    """Return a value as JSON text.

    Raise TypeError or ValueError where it is no JSON, XComTooLarge where it has more than `most`
    bytes.
    """
    text = payload.encode(value, f"the XCom value {key!r}")
    check_size(key, text, most)
    return text


def check_size(key: str, text: str, most: int) -> None:
    """Raise XComTooLarge where a value has more than `most` bytes as JSON, which is ASCII."""
    if len(text) > most:
        raise XComTooLarge(
            f"Expected the XCom value {key!r} to have at most {most} bytes as JSON, got "
            f"{len(text)}. Push where the data is (a path, a primary key) instead, or raise "
            "OPTIONS['XCOM_MAX_BYTES']."
        )


def _seconds(value: Any) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
