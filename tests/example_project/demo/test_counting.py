from datetime import UTC, datetime, timedelta

import pytest

from django_taskq.jobs.states import State
from example_project.demo.counting import JobTimes, by_tenant, figures_of, percentile

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else START + timedelta(seconds=seconds)


def job(
    tenant: str,
    started: float | None,
    finished: float | None,
    state: State = State.SUCCESSFUL,
) -> JobTimes:
    return JobTimes(tenant, state, START, at(started), at(finished))


def test_works_out_the_line_of_a_tenant() -> None:
    jobs = [job("a", second, second + 1) for second in range(9)]
    jobs.append(job("a", 9, 10, State.FAILED))
    line = figures_of("a", jobs)
    assert (line.jobs, line.failed, line.unfinished) == (10, 1, 0)
    assert (line.wait_p50, line.wait_p99, line.per_second) == (4, 9, 1)


def test_counts_what_has_not_ended() -> None:
    jobs = [job("a", None, None, State.READY), job("a", 1, None, State.RUNNING)]
    line = figures_of("a", jobs)
    assert (line.failed, line.unfinished, line.wait_p50, line.per_second) == (0, 2, 1, None)


def test_tenants_with_most_jobs_come_first() -> None:
    jobs = [job("b", 1, 2), job("a", 1, 2), job("c", 1, 2), job("c", 2, 3)]
    assert [line.tenant for line in by_tenant(jobs)] == ["c", "a", "b"]


def test_no_jobs_give_no_times() -> None:
    line = figures_of("a", [])
    assert (line.jobs, line.wait_p50, line.wait_p99, line.per_second) == (0, None, None, None)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (51, 51), (99, 99), (100, 100)]
)
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_jobs_that_take_no_time_have_no_rate() -> None:
    assert figures_of("a", [job("a", 1, 1)]).per_second is None
