"""Which instants of a schedule are due, and where it goes on."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django_taskq.models import Schedule
from django_taskq.models.schedule import Catchup
from django_taskq.scheduling.jitter import jitter_of
from django_taskq.scheduling.timing import Timing, make_timing
from django_taskq.stores.database.clock import aware

# A tick that is later than this was missed: nobody was there to fire it.
GRACE = timedelta(seconds=60)
# How many ticks of one schedule are decided by one look, and how many that were missed are noted.
MOST_AT_ONCE = 500
MOST_NOTED = 100
_INSTANT = timedelta(microseconds=1)

type Jitter = Callable[[datetime], timedelta]


class Dues(NamedTuple):
    """The instants that are to be decided now, the oldest first, and the first one after them.

    The latest `wanted` of them fire after an outage, all where that is None. `unnoted` tells that
    there were older ones.
    """

    instants: list[datetime]
    next_at: datetime | None
    is_outage: bool = False
    wanted: int | None = None
    is_unnoted: bool = False


def timing_of(schedule: Schedule, *, is_bounded: bool = True) -> Timing:
    """Return when a schedule ticks; without bounds before its start and after its end, too.

    Raise InvalidSchedule.
    """
    return _timing(
        schedule.expression,
        schedule.every,
        aware(schedule.at),
        schedule.timezone,
        schedule.name,
        aware(schedule.start_at) or aware(schedule.created_at),
        aware(schedule.start_at) if is_bounded else None,
        aware(schedule.end_at) if is_bounded else None,
    )


@lru_cache(maxsize=10_000)
def _timing(
    expression: str | None,
    every: float | None,
    at: datetime | None,
    timezone: str,
    name: str,
    anchor: datetime | None,
    start_at: datetime | None,
    end_at: datetime | None,
) -> Timing:
    return make_timing(
        expression=expression,
        every=every,
        at=at,
        timezone=timezone,
        name=name,
        anchor=anchor,
        start_at=start_at,
        end_at=end_at,
    )


def jitter_in(schedule: Schedule) -> Jitter:
    """Return by how much the ticks of a schedule fire after their due instant."""
    name, seconds = schedule.name, schedule.jitter
    if not seconds:
        return lambda due: timedelta()
    return lambda due: jitter_of(name, due, seconds)


def look_at(schedule: Schedule, due: datetime | None) -> datetime | None:
    """Return when a scheduler is to decide about a due instant."""
    return None if due is None else due + jitter_in(schedule)(due)


def dues_of(schedule: Schedule, first: datetime, now: datetime) -> Dues:
    """Return what is due of a schedule whose instants before `first` are decided."""
    timing, jitter = timing_of(schedule), jitter_in(schedule)
    if first + jitter(first) > now:
        return Dues([], first)
    is_outage = now - first - jitter(first) > GRACE
    if not is_outage:
        return _onward(timing, jitter, first, now)
    wanted = _wanted(schedule)
    if wanted is None:
        return _onward(timing, jitter, first, now)._replace(is_outage=True)
    return _back(timing, jitter, first, now, wanted)


def _wanted(schedule: Schedule) -> int | None:
    match schedule.catchup:
        case Catchup.NONE:
            return 0
        case Catchup.ALL:
            return schedule.catchup_limit
    return 1


def _onward(timing: Timing, jitter: Jitter, first: datetime, now: datetime) -> Dues:
    """Return the oldest instants that are due."""
    instants: list[datetime] = []
    due: datetime | None = first
    while due is not None and due + jitter(due) <= now and len(instants) < MOST_AT_ONCE:
        instants.append(due)
        due = timing.next_after(due)
    return Dues(instants, due)


def _back(timing: Timing, jitter: Jitter, first: datetime, now: datetime, wanted: int) -> Dues:
    """Return the latest instants that are due: after a long outage there may be a million."""
    instants: list[datetime] = []
    due = timing.last_until(now)
    while due is not None and due >= first and len(instants) < wanted + MOST_NOTED:
        if due + jitter(due) <= now:
            instants.append(due)
        due = timing.last_until(due - _INSTANT)
    if not instants:
        instants = [first]
    instants.reverse()
    next_at = timing.next_after(instants[-1])
    return Dues(instants, next_at, True, wanted, instants[0] > first)
