"""The stage of the scheduler's tests, on every database of the run, in memory and in Redis."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import override_settings

from django_taskq.testing import held
from tests.aliases import EVERY_DURABLE, ON_BOTH, ON_REDIS, empty_redis, on_database, with_options
from tests.redis_alias import ENTRIES
from tests.scheduling.stage import Stage, staged

EVERY_PLACE = [
    *EVERY_DURABLE,
    ON_REDIS,
    ON_BOTH,
    pytest.param("threads", marks=on_database("default")),
]


@pytest.fixture(params=EVERY_PLACE)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """An alias with no schedules yet; a pool ticks and runs nothing by itself."""
    alias = request.param
    tasks = settings.TASKS
    if alias in ENTRIES:
        tasks = {**tasks, alias: ENTRIES[alias]}
        empty_redis()
    if alias != "threads":
        with override_settings(TASKS=tasks), staged(alias) as made:
            yield made
        return
    with (
        with_options(alias, SCHEDULER=True, UNLOADABLE_GRACE=60),
        held(alias),
        staged(alias) as made,
    ):
        yield made
