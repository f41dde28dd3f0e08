"""The fixtures `taskq` and `taskq_inline`. Imports nothing of Django before a test asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django_taskq.testing import Taskq

_OURS = frozenset({"taskq", "taskq_inline"})
# What a test has that says itself which databases it uses.
_OF_DATABASES = frozenset({"db", "transactional_db", "django_db_reset_sequences", "live_server"})


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test with a fixture of ours for the databases that its jobs live in.

    Not later: pytest-django makes test databases only for what was marked when tests were
    collected, and a fixture that asks for one afterwards would get the real database.
    """
    names = set(getattr(item, "fixturenames", ()))
    if not names & _OURS or not item.config.pluginmanager.hasplugin("django"):
        return
    if names & _OF_DATABASES or item.get_closest_marker("django_db"):
        return
    databases = _databases_of_jobs()
    if databases:
        item.add_marker(pytest.mark.django_db(databases=databases))


@pytest.fixture
def taskq() -> Iterator[Taskq]:
    """Enqueue without a worker: the test runs jobs by `taskq.run_jobs()`.

    Pools are held and begin without jobs; stores go by this process's clock, which time-machine
    and freezegun move.
    """
    from django_taskq.testing.fixture import under_test

    with under_test(is_inline=False) as given:
        yield given


@pytest.fixture
def taskq_inline() -> Iterator[Taskq]:
    """Have `enqueue` run jobs at once, in the thread of the test."""
    from django_taskq.testing.fixture import under_test

    with under_test(is_inline=True) as given:
        yield given


def _databases_of_jobs() -> list[str]:
    """Return the databases of durable jobs, and the default one; none where no job is durable."""
    from django.db import DEFAULT_DB_ALIAS

    from django_taskq.control import database_of, durable_aliases

    found = {database_of(alias) for alias in durable_aliases()}
    return sorted(found | {DEFAULT_DB_ALIAS}) if found else []
