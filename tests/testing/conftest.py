"""What the tests of the testing helpers share: aliases as a TestCase sees them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from django_taskq.testing import held
from tests.aliases import database_of, empty_redis
from tests.redis_alias import ENTRIES, PAIR
from tests.running import DURABLE, POOLS


def in_test_case(alias: str) -> Any:
    """Return an alias as a parameter of a test that runs in a transaction, as a TestCase does."""
    return pytest.param(alias, marks=pytest.mark.django_db(databases=[database_of(alias)]))


@pytest.fixture(params=[*POOLS, *map(in_test_case, [*DURABLE, PAIR])])
def alias(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a test on every alias, pools held, durable ones inside of a transaction."""
    tasks = settings.TASKS
    if request.param in ENTRIES:
        tasks = {**tasks, request.param: ENTRIES[request.param]}
        empty_redis()
    with override_settings(TASKS=tasks), held():
        yield request.param


@pytest.fixture(params=list(map(in_test_case, DURABLE)))
def durable(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a test on every durable alias, inside of a transaction."""
    with override_settings(TASKS=settings.TASKS):
        yield request.param
