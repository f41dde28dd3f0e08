"""The runs of a schedule that are to come, as people read them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django_taskq.exceptions import InvalidSchedule
from django_taskq.models.schedule import Schedule
from django_taskq.scheduling.clocks import parse_timezone
from django_taskq.scheduling.dues import timing_of
from django_taskq.stores.database.clock import aware

_UNITS = (("d", 86_400), ("h", 3600), ("m", 60))


class Run(NamedTuple):
    """A due instant on the clocks of the schedule's zone and in UTC.

    `note` says so where a change of clocks moves it.
    """

    local: datetime
    utc: datetime
    note: str | None


def next_runs(row: Schedule, count: int, now: datetime) -> list[Run]:
    """Return the next due instants from now on. Raise InvalidSchedule where there can be none."""
    timing = timing_of(row)
    zone = parse_timezone(row.timezone)
    found: list[Run] = []
    due = timing.next_after(now)
    while due is not None and len(found) < count:
        found.append(Run(due.astimezone(zone), due.astimezone(UTC), timing.note_of(due)))
        due = timing.next_after(due)
    return found


def words_of_time(row: Schedule) -> str:
    """Return when a schedule is due, as it was given."""
    if row.expression is not None:
        return row.expression
    if row.every is not None:
        return f"every {words_of_seconds(row.every)}"
    at = moment_of(row)
    return "-" if at is None else f"at {at}"


def moment_of(row: Schedule) -> str | None:
    """Return the one instant of a schedule in its zone; None where it has others."""
    at = aware(row.at)
    if at is None:
        return None
    # Of a zone that this machine has not, the instant is still known.
    with suppress(InvalidSchedule):
        at = at.astimezone(parse_timezone(row.timezone))
    return at.isoformat()


def words_of_seconds(seconds: float) -> str:
    """Return a duration as `--every` takes it."""
    left = timedelta(seconds=seconds)
    words = ""
    for unit, size in _UNITS:
        whole, left = divmod(left, timedelta(seconds=size))
        words += f"{whole}{unit}" if whole else ""
    rest = left.total_seconds()
    return f"{words}{rest:g}s" if rest or not words else words
