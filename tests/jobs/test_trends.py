"""Steps of time that charts show, from the roll-ups that there are."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from django_taskq.jobs.counts import ENDINGS, Counts, Ending, TaskFailures, place_of
from django_taskq.jobs.rollups import Rollup, Span, trend_of
from django_taskq.jobs.trends import PERIODS, Period, period_named, points_of, total_of

NOW = datetime(2026, 11, 28, 12, 34, 56, tzinfo=UTC)


def rollup(at: datetime, number: int, queue: str = "") -> Rollup:
    endings = [0] * len(ENDINGS)
    endings[place_of(Ending.SUCCESSFUL)] = number
    return Rollup(Span.MINUTE, at, Counts(queue, tuple(endings)))


@pytest.mark.parametrize("period", PERIODS)
def test_steps_are_whole_and_the_last_one_is_under_way(period: Period) -> None:
    steps = period.steps(NOW)
    assert len(steps) * period.step == period.length
    assert steps[0] == period.since(NOW)
    assert steps[-1] <= NOW < steps[-1] + period.step
    assert {later - before for before, later in pairwise(steps)} == {period.step}
    # A step begins where a roll-up does.
    assert period.step.total_seconds() % period.span == 0


def test_roll_ups_are_added_up_by_step_and_gaps_are_there() -> None:
    period = period_named("hour")
    steps = period.steps(NOW)
    minute = timedelta(minutes=1)
    found = points_of(
        [
            rollup(steps[0] - minute, 100),
            rollup(steps[0], 1),
            rollup(steps[0] + minute, 2),
            rollup(steps[-1], 4),
        ],
        period,
        NOW,
    )
    numbers = [point.counts.of(Ending.SUCCESSFUL) for point in found]
    assert numbers == [3, *[0] * 28, 4]
    assert [point.at for point in found] == steps
    assert total_of(found).of(Ending.SUCCESSFUL) == 7


def test_a_name_that_is_not_known_is_the_shortest_window() -> None:
    assert period_named("week").length == timedelta(days=7)
    assert period_named(None) is period_named("century") is PERIODS[0]


def test_a_trend_adds_up_queues_and_has_what_failed_most_first() -> None:
    few, many = TaskFailures("few", 1, 0), TaskFailures("many", 1, 2)
    first = rollup(NOW, 1, "a")
    first = first._replace(counts=first.counts._replace(failures=(few, many)))
    found = trend_of([first, rollup(NOW, 2, "b"), rollup(NOW - timedelta(hours=1), 4, "b")])
    assert [(each.at, each.counts.queue) for each in found.rollups] == [
        (NOW - timedelta(hours=1), ""),
        (NOW, ""),
    ]
    assert [each.counts.of(Ending.SUCCESSFUL) for each in found.rollups] == [4, 3]
    assert found.failures == (many, few)
