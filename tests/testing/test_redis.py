"""The fixtures keep the jobs of tests out of what workers of the same Redis see."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.test import override_settings

from django_taskq import get_job
from django_taskq.stores.redis.scripts import Scripts
from django_taskq.testing import enqueued, results
from django_taskq.testing.fixture import under_test
from tests.aliases import empty_redis
from tests.app import tasks
from tests.redis_alias import ENTRIES, PAIR, REDIS
from tests.stores.places import redis_client


def in_redis() -> Any:
    return tasks.echo.using(backend=REDIS)


def in_rows() -> Any:
    return tasks.echo.using(backend=PAIR)


def keys() -> list[bytes]:
    """Return the keys of this process's tests: others share the Redis."""
    prefix = ENTRIES[REDIS]["OPTIONS"]["PREFIX"]
    return sorted(redis_client().scan_iter(f"{{{prefix}[-:]*"))


pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])


@pytest.fixture(autouse=True)
def redis_aliases() -> Iterator[None]:
    empty_redis()
    with override_settings(TASKS={**settings.TASKS, **ENTRIES}):
        yield


def test_durable_jobs_are_plain_rows_of_which_redis_hears_nothing() -> None:
    with mock.patch.object(Scripts, "run", side_effect=AssertionError("Redis was asked.")):
        with under_test(is_inline=False) as taskq:
            result = in_rows().enqueue(1)
            assert [each.return_value for each in taskq.run_jobs(PAIR)] == [1]
            assert get_job(result).state == "SUCCESSFUL"
        with under_test(is_inline=True):
            assert in_rows().enqueue(2).return_value == 2


@pytest.mark.parametrize("is_inline", [True, False])
def test_others_begin_without_a_job_and_leave_none(is_inline: bool) -> None:
    outside = in_redis().enqueue("of somebody else")
    before = keys()
    with under_test(is_inline=is_inline) as taskq:
        assert results(in_redis()) == []
        in_redis().enqueue("of the test")
        taskq.run_jobs(REDIS)
        assert [each.return_value for each in results(in_redis())] == ["of the test"]
        assert keys() != before
    assert keys() == before
    assert enqueued(in_redis()) == [outside]
