"""The TASKS aliases that tests run on, with the databases they may use."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from tests.redis_alias import ENTRIES, PAIR, REDIS, REDIS_ENTRY, REDIS_VARIABLE
from tests.running import DURABLE, POOLS
from tests.stores.places import redis_client

# Other apps' tables need no flush between tests, which takes most of a test's time otherwise.
OUR_APPS = ["django_taskq", "tests.app"]


def on_database(*aliases: str) -> pytest.MarkDecorator:
    """Mark a test as one that uses the databases behind durable aliases."""
    return pytest.mark.django_db(transaction=True, databases=list(aliases), available_apps=OUR_APPS)


EVERY_DURABLE = [pytest.param(alias, marks=on_database(alias)) for alias in DURABLE]
# Tests of a pool get no database: that it needs none is part of what they prove.
EVERY_ALIAS = [*POOLS, *EVERY_DURABLE]
# The alias whose jobs live in Redis; on request, since it is in no other test's TASKS.
ON_REDIS = pytest.param(REDIS, marks=on_database("default"))
# The one whose jobs are rows as well.
ON_BOTH = pytest.param(PAIR, marks=on_database("postgresql"))
every_durable = pytest.mark.parametrize("durable", EVERY_DURABLE)


def alias_fixture(*others: Any) -> Any:
    """Return a fixture `alias` that runs a test on every alias, each time with a new store.

    `others` are parameters beside them, such as ON_REDIS.
    """

    @pytest.fixture(params=[*EVERY_ALIAS, *others], name="alias")
    def fresh_alias(
        request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[str]:
        tasks = settings.TASKS
        if request.param in ENTRIES:
            # For the processes that a test starts, which read the settings anew.
            monkeypatch.setenv(REDIS_VARIABLE, "1")
            tasks = {**tasks, request.param: ENTRIES[request.param]}
            empty_redis()
        # Changed settings make Django and django_taskq drop all they have made from TASKS.
        with override_settings(TASKS=tasks):
            yield request.param

    return fresh_alias


def database_of(alias: str) -> str:
    """Return the database that keeps the rows of an alias."""
    if alias in ENTRIES:
        return str(ENTRIES[alias]["OPTIONS"]["DATABASE"])
    return alias


def empty_redis() -> None:
    """Delete all that tests of this process have left in Redis."""
    client = redis_client()
    for key in client.scan_iter(f"{{{REDIS_ENTRY['OPTIONS']['PREFIX']}:*", count=1000):
        client.delete(key)


def with_options(*aliases: str, **options: Any) -> override_settings:
    """Add to the OPTIONS of aliases for a while."""
    changed = {alias: _with_options(settings.TASKS[alias], options) for alias in aliases}
    return override_settings(TASKS={**settings.TASKS, **changed})


def _with_options(entry: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "OPTIONS": {**entry.get("OPTIONS", {}), **options}}
