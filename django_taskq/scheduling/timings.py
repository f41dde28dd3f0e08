"""Which timing a definition asks for."""

from datetime import datetime

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.clocks import instant_of, parse_timezone
from django_taskq.scheduling.cron import Cron
from django_taskq.scheduling.expression import parse_expression
from django_taskq.scheduling.interval import Interval
from django_taskq.scheduling.once import Once
from django_taskq.scheduling.timing import FIRST, INSTANT, LAST, Timing


def make_timing(
    *,
    expression: str | None = None,
    every: float | None = None,
    at: datetime | None = None,
    timezone: str = "UTC",
    name: str = "",
    anchor: datetime | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> Timing:
    """Return the timing that one of `expression`, `every` and `at` asks for.

    `name` is the schedule's, for `H` in an expression; `anchor` is an instant at which an
    interval ticks, by default `start_at`. Moments without an offset are local times of the
    zone. Raise InvalidSchedule, which says what is wrong and what is allowed.
    """
    _check_choice(expression=expression, every=every, at=at)
    zone = parse_timezone(timezone)
    start = None if start_at is None else instant_of(start_at, zone)
    end = None if end_at is None else instant_of(end_at, zone)
    timing: Timing
    if expression is not None:
        timing = Cron(parse_expression(expression, name), zone, start, end)
    elif every is not None:
        beat = None if anchor is None else instant_of(anchor, zone)
        timing = Interval(every, beat, start, end)
    elif at is not None:
        timing = Once(at, zone, start, end)
    if at is not None or start is not None or end is not None:
        _check_bounds(timing)
    return timing


def _check_choice(**given: object) -> None:
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise InvalidSchedule(
            "Expected exactly one of expression (cron), every (seconds) and at (a time), got "
            f"{' and '.join(names) or 'none'}."
        )


def _check_bounds(timing: Timing) -> None:
    start, end = timing.start_at, timing.end_at
    if start is not None and end is not None and end < start:
        raise InvalidSchedule(
            f"end_at: expected a time after start_at, which is {start.isoformat()}, got "
            f"{end.isoformat()}.",
            option="end_at",
        )
    if timing.next_after(FIRST - INSTANT) is None:
        raise InvalidSchedule(
            f"This schedule can never fire: expected something due from "
            f"{(start or FIRST).isoformat()} to {(end or LAST).isoformat()}."
        )
