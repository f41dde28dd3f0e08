"""Counts and histograms that can be added, and the times that roll-ups begin."""

from datetime import UTC, datetime

import pytest

from django_taskq.jobs.counts import (
    BOUNDS,
    BUCKETS,
    Counts,
    Ending,
    Histogram,
    bucket_of,
    by_queue,
    ending_of,
)
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.rollups import BEGINNING, Span, moment_of, second_of, start_of
from django_taskq.jobs.states import State


def histogram(*durations: float) -> Histogram:
    buckets = [0] * BUCKETS
    for duration in durations:
        buckets[bucket_of(duration)] += 1
    return Histogram(tuple(buckets), sum(durations))


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0, 0.005), (0.005, 0.005), (0.0051, 0.025), (3600, 3600.0)]
)
def test_a_bucket_holds_all_up_to_its_bound(seconds: float, bound: float) -> None:
    assert BOUNDS[bucket_of(seconds)] == bound


def test_what_is_longer_than_every_bound_has_a_bucket_too() -> None:
    assert bucket_of(3600.1) == len(BOUNDS)


def test_a_quantile_lies_within_its_bucket() -> None:
    mixed = histogram(*[0.2] * 90, *[4.0] * 9, 20.0)
    assert mixed.quantile(0.5) == pytest.approx(0.1 + 0.15 * 50 / 90)
    assert mixed.quantile(0.95) == pytest.approx(2.5 + 2.5 * 5 / 9)
    assert mixed.quantile(1.0) == 30.0
    assert histogram().quantile(0.5) is None
    assert histogram(1e6).quantile(0.5) == BOUNDS[-1]


@pytest.mark.parametrize(
    ("verdict", "state", "ending"),
    [
        (Verdict.SUCCEEDED, State.SUCCESSFUL, Ending.SUCCESSFUL),
        (Verdict.FAILED, State.FAILED, Ending.FAILED),
        (Verdict.FAILED, State.CANCELED, Ending.CANCELED),
        (Verdict.RETRY, State.SCHEDULED, Ending.RETRIED),
        (Verdict.RETRY, State.READY, Ending.RETRIED),
        (Verdict.RELEASED, State.READY, Ending.RELEASED),
        (Verdict.SUCCEEDED, None, Ending.LATE),
    ],
)
def test_every_written_attempt_counts_as_one_ending(
    verdict: Verdict, state: State | None, ending: Ending
) -> None:
    assert ending_of(verdict, state) is ending


def test_counts_of_one_queue_become_one_sum() -> None:
    first = Counts("b", waits=histogram(1.0), leases_lost=1)
    found = by_queue([first, Counts("a"), Counts("b", waits=histogram(2.0))])
    assert [counts.queue for counts in found] == ["a", "b"]
    assert found[1].waits == histogram(1.0, 2.0)
    assert found[1].leases_lost == 1


def test_a_span_begins_on_the_clock() -> None:
    now = datetime(2026, 11, 28, 9, 59, 59, 999_999, tzinfo=UTC)
    assert start_of(Span.MINUTE, now) == datetime(2026, 11, 28, 9, 59, tzinfo=UTC)
    assert start_of(Span.HOUR, now) == datetime(2026, 11, 28, 9, tzinfo=UTC)
    assert start_of(Span.EVER, now) == BEGINNING
    assert moment_of(second_of(now)) == now.replace(microsecond=0)
