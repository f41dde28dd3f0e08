"""Which instants of a schedule are due, and where it goes on."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django_taskq.models import Schedule
from django_taskq.models.schedule import Catchup
from django_taskq.scheduling.timing import Timing
from django_taskq.scheduling.timings import make_timing
from django_taskq.stores.database.clock import aware

# When the oldest tick that is due is later than this, nobody was there to fire it: it was missed,
# and so were those after it.
GRACE = timedelta(seconds=60)
# How many ticks of one schedule one look decides, and how many that were missed are noted.
MOST_AT_ONCE = 500
MOST_NOTED = 100
_MOST_COUNTED = 10_000_000
_INSTANT = timedelta(microseconds=1)


class Dues(NamedTuple):
    """The instants that are to be decided now, the oldest first, and the first one after them.

    `missed` of them, the oldest, do not fire after all. `unnoted` are so many that are older
    still, which are too many to be noted.
    """

    instants: list[datetime]
    next_at: datetime | None
    is_outage: bool = False
    missed: int = 0
    unnoted: int = 0


def timing_of(schedule: Schedule, *, is_bounded: bool = True) -> Timing:
    """Return when a schedule ticks; unbounded, before its start and after its end, too.

    Raise InvalidSchedule.
    """
    expression = schedule.expression
    return _timing(
        expression,
        schedule.every,
        aware(schedule.at),
        schedule.timezone,
        # Only what is hashed by the name differs from one schedule to the next.
        schedule.name if "H" in (expression or "").upper() else "",
        _anchor_of(schedule) if schedule.every is not None else None,
        aware(schedule.start_at) if is_bounded else None,
        aware(schedule.end_at) if is_bounded else None,
    )


def _anchor_of(schedule: Schedule) -> datetime:
    """Return an instant at which an interval ticks: where it starts, by default when it was added.

    Every two weeks from a Monday on means Mondays.
    """
    return aware(schedule.start_at) or aware(schedule.created_at)


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


def dues_of(schedule: Schedule, first: datetime, now: datetime) -> Dues:
    """Return what is due of a schedule whose instants before `first` are decided."""
    timing = timing_of(schedule)
    if first > now:
        return Dues([], first)
    if now - first <= GRACE:
        return _onward(timing, first, now)
    wanted = _wanted(schedule)
    total = timing.count(first - _INSTANT, now, _MOST_COUNTED)
    if wanted is None or total <= wanted:
        return _onward(timing, first, now)._replace(is_outage=True)
    return _back(timing, now, total, wanted)


def _wanted(schedule: Schedule) -> int | None:
    """Return how many of those that were missed are to fire after all, None for all."""
    if schedule.catchup == Catchup.ALL:
        return schedule.catchup_limit
    return 0 if schedule.catchup == Catchup.NONE else 1


def _onward(timing: Timing, first: datetime, now: datetime) -> Dues:
    """Return the oldest instants that are due."""
    instants = timing.between(first - _INSTANT, now, MOST_AT_ONCE)
    return Dues(instants, timing.next_after(instants[-1] if instants else now))


def _back(timing: Timing, now: datetime, total: int, wanted: int) -> Dues:
    """Return the latest instants that are due: after a long outage there may be a million."""
    noted = min(total - wanted, MOST_NOTED)
    instants: list[datetime] = []
    due = timing.last_until(now)
    while due is not None and len(instants) < wanted + noted:
        instants.append(due)
        due = timing.last_until(due - _INSTANT)
    instants.reverse()
    chosen = instants[: noted + MOST_AT_ONCE]
    next_at = timing.next_after(chosen[-1])
    return Dues(chosen, next_at, True, noted, total - wanted - noted)
