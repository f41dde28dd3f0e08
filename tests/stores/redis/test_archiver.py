"""Room for ended jobs in Redis where rows are written slower than jobs end, or not at all."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from django_taskq.jobs.states import State
from tests.stores.jobs import WORKER, claim, finish, insert_many, join, success
from tests.stores.places import RedisPlace, redis_client

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store() -> Iterator[Any]:
    opened = RedisPlace("default").open()
    yield opened
    opened.close()


def test_ended_jobs_wait_in_redis_while_the_database_is_gone(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(jobs: Any) -> None:
        raise OperationalError("gone")

    join(store)
    monkeypatch.setattr(store._archive, "keep", fail)
    monkeypatch.setattr("django_taskq.stores.redis.store.MOST_ENDED", 1)
    ids = insert_many(store, 6)
    for claimed in claim(store, 6):
        assert finish(store, success(claimed)) == [State.SUCCESSFUL]
    store.forget(WORKER)
    assert {job.state for job in store.get(ids)} == {State.SUCCESSFUL}
    monkeypatch.undo()
    assert store.archive(10) == 6
    assert len(store.get(ids)) == 6


def test_who_ends_more_than_is_archived_archives(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_taskq.stores.redis.store.MOST_ENDED", 3)
    insert_many(store, 9)
    for claimed in claim(store, 9):
        finish(store, success(claimed))
    assert redis_client().zcard(store.scripts.keys.name("ended")) <= 4


def test_who_ends_more_than_is_archived_waits_for_the_one_that_is_at_it(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched:
        """Counts the short waits, and lets the other one be done after the third."""

        waits = 0

        def wait(self, seconds: float) -> None:
            self.waits += 1
            if self.waits == 3:
                store.scripts.run("turn", "other", 0)

    monkeypatch.setattr("django_taskq.stores.redis.store.MOST_ENDED", 1)
    watched = Watched()
    monkeypatch.setattr("django_taskq.stores.redis.archiver._NEVER", watched)
    insert_many(store, 3)
    first, second, third = claim(store, 3)
    finish(store, success(first), success(second))
    store.scripts.run("turn", "other", 30_000)
    finish(store, success(third))
    assert watched.waits == 3
    assert redis_client().zcard(store.scripts.keys.name("ended")) == 1
