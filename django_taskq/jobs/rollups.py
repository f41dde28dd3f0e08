"""Roll-ups: what was counted within a span of time, and for how long that is kept."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from django_taskq.jobs.counts import Counts, TaskFailures, by_task


class Span(IntEnum):
    """What one roll-up covers, in seconds; EVER grows without an end."""

    EVER = 0
    MINUTE = 60
    HOUR = 3600


BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
KEPT = {Span.MINUTE: timedelta(days=2), Span.HOUR: timedelta(days=62)}


class Rollup(NamedTuple):
    """What was counted of one queue within the span that begins `at`."""

    span: Span
    at: datetime
    counts: Counts


class Trend(NamedTuple):
    """How all queues of an alias went since some moment: roll-ups of all of them together, the
    oldest first, and the tasks of which any try failed, the one that did most often first.
    """

    rollups: tuple[Rollup, ...] = ()
    failures: tuple[TaskFailures, ...] = ()


def trend_of(rollups: Iterable[Rollup]) -> Trend:
    """Add up the roll-ups of single queues."""
    sums: dict[datetime, Rollup] = {}
    for rollup in rollups:
        known = sums.get(rollup.at)
        counts = rollup.counts._replace(queue="")
        sums[rollup.at] = rollup._replace(
            counts=counts if known is None else known.counts.plus(counts)
        )
    failures = by_task(each for rollup in sums.values() for each in rollup.counts.failures)
    return Trend(tuple(sums[at] for at in sorted(sums)), most_failed_first(failures))


def most_failed_first(failures: Iterable[TaskFailures]) -> tuple[TaskFailures, ...]:
    """Return the tasks in the order in which a reader looks for them."""
    return tuple(sorted(failures, key=lambda each: (-each.total, each.task)))


def start_of(span: Span, now: datetime) -> datetime:
    """Return when the span began in which a moment lies."""
    if span is Span.EVER:
        return BEGINNING
    seconds = second_of(now)
    return moment_of(seconds - seconds % span)


def kept_since(span: Span, now: datetime) -> datetime:
    """Return the moment before which the roll-ups of a span may go."""
    return now - KEPT[span]


def second_of(moment: datetime) -> int:
    """Return the second of the epoch that a moment lies in."""
    return (moment - BEGINNING) // timedelta(seconds=1)


def moment_of(second: int) -> datetime:
    """Return the moment at which a second of the epoch begins."""
    return BEGINNING + timedelta(seconds=second)
