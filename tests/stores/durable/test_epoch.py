"""Epochs: who finds that Redis has lost what it held, and that only one begins the next."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.epochs import EpochLost
from django_taskq.jobs.workers import LeaseLost
from django_taskq.stores.durable.epoch import Epoch
from django_taskq.stores.epochs import EpochRows
from tests.stores.durable.losses import flush, keys_of, name
from tests.stores.jobs import OTHER, WORKER, Thread, claim, claim_one, insert, insert_many, join
from tests.stores.places import DurablePlace, new_alias, redis_client

pytestmark = pytest.mark.django_db(transaction=True, databases=["postgresql"])

PLACE = DurablePlace("postgresql")


@pytest.fixture
def store() -> Iterator[Any]:
    opened = PLACE.open()
    yield opened
    opened.close()


def key_of(store: Any) -> str:
    """Return the key of the epoch of a store."""
    return name(store, "epoch")


def forget_epoch(store: Any) -> None:
    """Have Redis know of no epoch."""
    redis_client().delete(key_of(store), *(f"{key_of(store)}:{n}" for n in (1, 2, 3)))


def test_the_first_worker_begins_the_first_epoch_and_nobody_complains(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store: Any = PLACE.open()
    with caplog.at_level(logging.WARNING, "django_taskq.stores"):
        join(store)
    assert store.epoch.number == store.rows.epochs.read() == 1
    number, _, server = redis_client().get(key_of(store)).decode().partition(":")
    assert (number, server) == ("1", redis_client().info("server")["run_id"])
    assert not caplog.records
    store.close()


def test_a_worker_of_an_epoch_that_is_over_is_handed_nothing_and_joins_anew(
    store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    join(store)
    insert_many(store, 3)
    claim(store, 1)
    flush(store)

    with pytest.raises(LeaseLost):
        claim(store, 1)
    with pytest.raises(LeaseLost):
        claim(store, 1)
    assert store.heartbeat(WORKER).is_alive is False
    assert store.rows.epochs.read() == store.epoch.number == 2
    assert "Redis has lost the jobs" in caplog.text
    join(store, OTHER)
    assert claim(store, 1, OTHER) == []


@pytest.mark.parametrize(
    "found",
    [None, "1:", "nonsense", f"1:{'0' * 40}", f"7:{'a' * 40}"],
    ids=["missing", "begun by one who died", "written by somebody else", "restarted", "ahead"],
)
def test_nothing_is_handed_out_where_the_key_does_not_hold(store: Any, found: str | None) -> None:
    insert(store)
    if found is None:
        forget_epoch(store)
    else:
        redis_client().set(key_of(store), found)
    with pytest.raises(EpochLost):
        store.line.claim(ClaimRequest(WORKER, 1))
    with pytest.raises(EpochLost):
        store.line.look([1])


def test_where_the_key_alone_was_evicted_nothing_is_void(store: Any) -> None:
    join(store)
    insert_many(store, 2)
    claim_one(store)
    redis_client().delete(key_of(store), f"{key_of(store)}:1")
    assert len(claim(store)) == 1
    assert store.rows.epochs.read() == 1
    redis_client().delete(key_of(store), f"{key_of(store)}:1", f"{key_of(store)}:3")
    assert store.epoch.restore() is False
    store.sweep()
    assert redis_client().get(f"{key_of(store)}:3") == redis_client().get(key_of(store))


def test_a_key_that_is_ahead_of_the_database_is_overtaken(store: Any) -> None:
    # As after a database was brought back from a copy of yesterday's.
    redis_client().set(key_of(store), f"7:{'a' * 40}")
    assert store.epoch.restore()
    assert store.rows.epochs.read() == 8


def test_who_begins_an_epoch_and_dies_is_followed_by_another(store: Any) -> None:
    forget_epoch(store)
    seen = store.line.epochs.look()
    assert store.line.epochs.begin(2, seen)
    assert store.epoch.restore() is False, "somebody is at it"
    assert store.line.epochs.look().has_begun
    assert redis_client().pttl(key_of(store)) > 0
    redis_client().delete(key_of(store))  # as it does by itself after that
    assert store.epoch.restore() is True


def test_of_many_who_find_it_lost_one_begins_the_next(store: Any) -> None:
    insert_many(store, 5)
    flush(store)
    others = [Epoch(store.alias, store.rows.epochs, store.line.epochs) for _ in range(8)]
    threads = [Thread(other.restore) for other in others]
    assert sum(thread.result() for thread in threads) == 1
    assert store.rows.epochs.read() == 2
    for other in others:
        other.restore()
        assert other.number == 2


def test_only_keys_of_the_alias_are_emptied(store: Any) -> None:
    neighbors = [f"{store.line.scripts.keys.tag[:-1]}x}}:jobs", "{taskq:other}:jobs", "page"]
    for neighbor in neighbors:
        redis_client().set(neighbor, "1", ex=60)
    insert_many(store, 3)
    redis_client().set(key_of(store), f"1:{'0' * 40}")
    store.epoch.restore()
    assert {key.decode().partition(key_of(store))[1] for key in keys_of(store)} == {key_of(store)}
    assert all(redis_client().get(neighbor) == b"1" for neighbor in neighbors)
    redis_client().delete(*neighbors)


def test_a_name_with_signs_of_patterns_empties_its_own_keys_alone() -> None:
    first: Any = PLACE.open(prefix="[ab]*?")
    other: Any = PLACE.open(prefix="ab")
    insert(first)
    insert(other)
    redis_client().set(key_of(first), f"1:{'0' * 40}")
    first.epoch.restore()
    assert {key.decode().partition(key_of(first))[1] for key in keys_of(first)} == {key_of(first)}
    assert len(keys_of(other)) > 1


def test_a_step_of_one_who_was_overtaken_changes_nothing(store: Any) -> None:
    insert_many(store, 2)
    before = {key for key in keys_of(store) if b":epoch" not in key}
    ground = store.line.epochs
    seen = ground.look()
    assert ground.begin(2, seen)
    redis_client().set(key_of(store), f"3:{redis_client().info('server')['run_id']}")
    assert not ground.begin(4, seen)
    assert not ground.empty(2)
    assert not ground.open(2)
    ground.give_up(2)
    assert before < keys_of(store)


def test_the_number_of_the_database_is_what_counts(store: Any) -> None:
    # Another Redis has taken over meanwhile, and this one cannot know.
    join(store)
    insert(store)
    claim_one(store)
    assert store.rows.epochs.replace(1, 5)
    store.epoch.check()
    assert store.epoch.number == store.rows.epochs.read() == 6
    with pytest.raises(LeaseLost):
        claim(store)


def test_a_number_is_raised_by_one_of_many() -> None:
    rows = EpochRows("postgresql", new_alias())
    assert rows.read() == 0
    threads = [Thread(lambda: rows.replace(0, 1)) for _ in range(8)]
    assert sum(thread.result() for thread in threads) == 1
    assert rows.read() == 1
