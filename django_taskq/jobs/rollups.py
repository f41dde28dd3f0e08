"""Roll-ups: what was counted within a span of time, and for how long that is kept."""

from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from django_taskq.jobs.counts import Counts


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
