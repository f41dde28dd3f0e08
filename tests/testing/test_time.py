"""Frozen time moves due times, delays between tries, rates and ages in every store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import override_settings
from django.utils import timezone

from django_taskq import get_job
from django_taskq.testing import frozen, process_clock, run_jobs
from tests.app import tasks

AT = datetime(2031, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


def values(alias: str) -> list[Any]:
    return [result.return_value for result in run_jobs(alias)]


def test_all_times_of_a_job_are_those_of_frozen_time(alias: str) -> None:
    with frozen(AT) as time:
        result = tasks.echo.using(backend=alias).enqueue("x")
        time.move(5)
        run_jobs(alias)
        result.refresh()
        assert (result.enqueued_at, result.started_at) == (AT, AT + timedelta(seconds=5))
        assert result.finished_at == time.now


def test_a_job_is_due_once_time_was_moved(alias: str) -> None:
    with frozen(AT) as time:
        result = tasks.echo.using(backend=alias, run_after=HOUR).enqueue("later")
        assert get_job(result).run_after == AT + HOUR
        assert run_jobs(alias) == []
        time.move(timedelta(minutes=59))
        assert run_jobs(alias) == []
        time.move_to(AT + HOUR)
        assert values(alias) == ["later"]


def test_tries_wait_for_their_backoff(alias: str) -> None:
    with frozen() as time:
        tasks.succeed_on.using(backend=alias, max_tries=3, backoff=[10, 100]).enqueue(3)
        assert len(run_jobs(alias)) == 1
        assert run_jobs(alias) == []
        time.move(10)
        assert len(run_jobs(alias)) == 1
        time.move(99)
        assert run_jobs(alias) == []
        time.move(1)
        assert values(alias) == [3]


def test_a_rate_lets_one_start_after_the_other(alias: str) -> None:
    with frozen() as time:
        for number in range(3):
            tasks.echo.using(backend=alias, max_rate="1/m").enqueue(number)
        assert values(alias) == [0]
        assert run_jobs(alias) == []
        time.move(timedelta(minutes=2))
        assert values(alias) == [1]
        time.move(timedelta(minutes=2))
        assert values(alias) == [2]


def test_a_job_grows_too_old(alias: str) -> None:
    with frozen() as time:
        result = tasks.echo.using(backend=alias, max_age=HOUR).enqueue("old")
        time.move(HOUR + timedelta(seconds=1))
        assert [each.status for each in run_jobs(alias)] == ["FAILED"]
        assert get_job(result).failure == "expired"


def test_stores_follow_time_machine_by_the_clock_of_the_process(alias: str) -> None:
    with time_machine.travel(AT, tick=False) as traveller, process_clock():
        result = tasks.echo.using(backend=alias, run_after=HOUR, max_age=HOUR).enqueue("later")
        assert result.enqueued_at == AT
        assert run_jobs(alias) == []
        traveller.shift(HOUR)
        assert values(alias) == ["later"]


def test_frozen_time_begins_where_time_machine_has_travelled() -> None:
    with time_machine.travel(AT, tick=False), frozen() as time:
        assert time.now == timezone.now() == AT


def test_stores_go_by_their_own_clocks_afterwards(alias: str) -> None:
    with frozen(AT), process_clock():
        pass
    result = tasks.echo.using(backend=alias).enqueue()
    assert result.enqueued_at < AT


def test_time_does_not_go_back() -> None:
    with frozen(AT) as time, pytest.raises(ValueError, match=r"from 2031-03-01T12:00:00\.25.* on"):
        time.move(-1)


@override_settings(USE_TZ=False, TIME_ZONE="Europe/Paris")
def test_without_time_zones_django_is_told_the_local_time() -> None:
    local = datetime.fromisoformat("2031-03-01T13:00")
    with frozen(local) as time:
        assert timezone.now() == local
        assert time.now == datetime(2031, 3, 1, 12, tzinfo=UTC)
