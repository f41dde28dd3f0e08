"""From roll-ups to what charts show: equal steps of time, those without any roll-up too."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django_taskq.jobs.counts import Counts
from django_taskq.jobs.rollups import Rollup, Span, moment_of, second_of


class Period(NamedTuple):
    """How far back to look, by which roll-ups, and how much time one step of a chart has."""

    name: str
    length: timedelta
    span: Span
    step: timedelta

    def since(self, now: datetime) -> datetime:
        """Return where the first step begins."""
        return self._floor(now) - self.length + self.step

    def _floor(self, now: datetime) -> datetime:
        seconds, step = second_of(now), round(self.step.total_seconds())
        return moment_of(seconds - seconds % step)

    def steps(self, now: datetime) -> list[datetime]:
        """Return where each step begins, the last one being under way."""
        since = self.since(now)
        return [since + number * self.step for number in range(self.length // self.step)]


PERIODS = (
    Period("hour", timedelta(hours=1), Span.MINUTE, timedelta(minutes=2)),
    Period("day", timedelta(days=1), Span.HOUR, timedelta(hours=1)),
    Period("week", timedelta(days=7), Span.HOUR, timedelta(hours=6)),
)


class Point(NamedTuple):
    """What was counted in the step that begins `at`."""

    at: datetime
    counts: Counts


def period_named(name: str | None) -> Period:
    """Return the period of a name, the shortest for one that is not known."""
    return next((period for period in PERIODS if period.name == name), PERIODS[0])


def points_of(rollups: Iterable[Rollup], period: Period, now: datetime) -> list[Point]:
    """Add roll-ups up by step."""
    steps = period.steps(now)
    sums = [Counts("")] * len(steps)
    for rollup in rollups:
        place = (rollup.at - steps[0]) // period.step
        if 0 <= place < len(sums):
            sums[place] = sums[place].plus(rollup.counts)
    return [Point(at, counts) for at, counts in zip(steps, sums, strict=True)]


def total_of(points: Iterable[Point]) -> Counts:
    """Return all points together."""
    total = Counts("")
    for point in points:
        total = total.plus(point.counts)
    return total
