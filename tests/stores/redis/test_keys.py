"""What the store keeps in Redis: under which keys, in one slot, and for how long."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
from redis.crc import key_slot

from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.rules import Rules, TenantRule
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.redis.keys import CATALOGUE
from tests.stores.contracts.naming import enter
from tests.stores.contracts.xcom import push
from tests.stores.jobs import (
    OTHER,
    TASK,
    WORKER,
    claim,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    join,
    lose,
    retry,
    spec,
    success,
)
from tests.stores.places import RedisPlace, redis_client

LUA = {
    path.name.removesuffix(".lua"): path.read_text()
    for path in (files("django_taskq.stores.redis") / "lua").iterdir()
    if path.name.endswith(".lua")
}
PLACE = RedisPlace("default")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store() -> Iterator[Any]:
    opened = PLACE.open()
    yield opened
    opened.close()


def keys_of(store: Any) -> dict[str, str]:
    """Return the keys of a store's alias with their types."""
    client = redis_client()
    found = client.scan_iter(f"{store.scripts.keys.tag}:*", count=1000)
    return {key.decode(): client.type(key).decode() for key in found}


def entry_of(store: Any, key: str) -> str:
    """Return the entry of the catalogue that a key belongs to."""
    name = key.removeprefix(f"{store.scripts.keys.tag}:")
    head, colon, _ = name.partition(":")
    return head + colon


def fill(store: Any) -> None:
    """Have jobs in every place that there is."""
    join(store)
    insert_many(store, 4, tenant="é", gate=gate_of(TASK, 9, "600/m"))
    insert(store, queue="kritisch", priority=100)
    insert_later(store)
    enter(store)
    PLACE.rule(store, Rules({"é": TenantRule(max_running=9)}))
    store.arm(WORKER)
    claims = claim(store, 4)
    store.cancel([claims[0].id])
    lose(store, claims[1])
    for key in ("gone", "kept"):
        push(store, "1", claims[2], key=key)
    store.xcoms.delete("", "default", ["gone"])
    finish(store, success(claims[2]))


def test_every_key_stands_in_the_catalogue_with_its_type_and_shares_the_slot(store: Any) -> None:
    fill(store)
    found = keys_of(store)
    assert len(found) > 15
    for key, kind in found.items():
        assert CATALOGUE[entry_of(store, key)][0] == kind, key
    assert len({key_slot(key.encode()) for key in found}) == 1


def written(store: Any, count: int, **values: Any) -> dict[str, Any]:
    """Insert so many equal jobs, return what Redis holds then of the first, and delete it."""
    client = redis_client()
    store.insert([spec(tenant="é", queue="quéue", priority=3, **values) for _ in range(count)])
    keys = keys_of(store)
    found: dict[str, Any] = {}
    for key, kind in sorted(keys.items(), reverse=True):
        entry = entry_of(store, key)
        if entry == "job:":
            found[entry] = client.hgetall(key) | {b"id": b"any"}
        elif entry == "lane:":
            found[entry] = key, {rank for _, rank in client.zrange(key, 0, -1, withscores=True)}
        else:
            found[entry] = kind, entry != "jobs" and kind == "zset" and client.zrange(key, 0, -1)
    client.delete(*[key for key in keys if entry_of(store, key) not in {"seq", "epoch"}])
    return found


@pytest.mark.parametrize("aging", [None, 60.0])
@pytest.mark.parametrize("values", [{}, {"metadata": "{}", "gate": gate_of(TASK, 1, None)}])
def test_one_job_is_written_as_many_are(aging: float | None, values: dict[str, str]) -> None:
    clock = FrozenClock(datetime(2026, 11, 28, tzinfo=UTC))
    store: Any = PLACE.open(clock, priority_aging=aging)
    one = written(store, 1, **values)
    assert one.keys() >= {"seq", "epoch", "jobs", "job:", "lane:", "ring:", "gates:", "queues:"}
    assert one == written(store, 2, **values)
    store.close()


def test_scripts_use_the_keys_of_the_catalogue_and_no_other() -> None:
    used = {key for text in LUA.values() for key in re.findall(r"P \.\. '(\w+:?)'", text)}
    assert used == CATALOGUE.keys()


@pytest.mark.parametrize("name", LUA)
def test_a_script_begins_with_its_purpose_its_arguments_and_its_result(name: str) -> None:
    head, _, body = LUA[name].partition("\n\n")
    assert head.startswith("-- ")
    given = {int(n) for text in (LUA["places"], LUA["limits"]) for n in arguments_in(text)}
    told = given | set(arguments_in(head))
    if head.startswith("-- needs:"):
        assert "-- Returns" in head
        assert set(arguments_in(body)) <= told


def arguments_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"ARGV\[(\d+)\]", text)]


def test_nothing_is_left_of_jobs_that_have_ended_and_of_workers_that_have_gone(store: Any) -> None:
    fill(store)
    join(store, OTHER)
    for _ in range(3):
        claims = claim(store, 20, OTHER) + claim(store, 5, OTHER, suspects=True)
        finish(store, *[failure(claimed) for claimed in claims], worker=OTHER)
    store.wait_ended([insert(store)], 0.01)
    (claimed,) = claim(store, 5, OTHER)
    finish(store, retry(claimed), worker=OTHER)
    store.forget(WORKER)
    store.forget(OTHER)
    records = [job for job in store.find(JobFilter(limit=1000)) if not job.is_ended]
    store.cancel([job.id for job in records])
    PLACE.rule(store, Rules())
    while store.archive(100):
        pass
    assert store.xcoms.delete("", "default") == 1

    left = {entry_of(store, key): key for key in keys_of(store)}
    lasting = {entry for entry, key in left.items() if redis_client().ttl(key) < 0}
    assert lasting == {"seq", "epoch", "pushes"}
