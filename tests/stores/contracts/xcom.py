"""Promises of XCom: whose values are read, which one counts, how long they live."""

from typing import Any

import pytest

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.states import State
from django_taskq.jobs.xcom import Pusher, XCom, XComFilter
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import (
    OTHER,
    WORKER,
    claim_one,
    failure,
    finish,
    insert,
    join,
    lose,
    retry,
    success,
)
from tests.stores.places import Place


def xcom(value: str, pusher: Claim | None = None, key: str = "k", **values: Any) -> XCom:
    """Return a value to push, of a claim where one is given."""
    by = None if pusher is None else Pusher(pusher.seq, pusher.attempt, pusher.id, "step")
    given = {"tenant": "", "namespace": "default", "ttl": 60.0, **values}
    return XCom(key=key, value=value, pusher=by, **given)


def push(store: Store, value: str, pusher: Claim | None = None, **values: Any) -> None:
    """Push one value."""
    store.xcoms.push([xcom(value, pusher, **values)])


def pulled(store: Store, key: str = "k", *namespaces: str, **values: Any) -> str | None:
    """Return the value that a pull finds under one key."""
    where = namespaces or ("default",)
    return store.xcoms.pull(values.pop("tenant", ""), where, [key], **values).get(key)


def start(store: Store, **values: Any) -> Claim:
    """Insert a job and claim it."""
    insert(store, **values)
    return claim_one(store)


class XComs:
    """Values that jobs hand to one another."""

    def test_what_is_pushed_is_pulled_as_it_was(self, store: Store) -> None:
        text = '{"a":[1,null,"\\u0000\\ud800%s é"]}'
        push(store, text, key="é %s '\"")
        assert pulled(store, "é %s '\"") == text
        assert pulled(store, "E %s '\"") is None

    def test_tenants_and_namespaces_are_apart(self, store: Store) -> None:
        push(store, "1")
        push(store, "2", tenant="acme")
        push(store, "3", namespace="run")
        push(store, "4", tenant="Acme")
        assert [pulled(store), pulled(store, tenant="acme"), pulled(store, "k", "run")] == [
            "1", "2", "3",
        ]  # fmt: skip
        assert store.xcoms.namespaces("") == ["default", "run"]
        assert store.xcoms.namespaces("acme") == ["default"]

    def test_a_pull_looks_in_the_first_namespace_that_has_the_key(self, store: Store) -> None:
        for key, namespace in (("a", "run"), ("a", "default"), ("b", "default"), ("c", "other")):
            push(store, f'"{key} {namespace}"', key=key, namespace=namespace)
        found = store.xcoms.pull("", ["run", "default"], ["a", "b", "c", "a"])
        assert found == {"a": '"a run"', "b": '"b default"'}

    def test_the_last_value_under_a_key_counts(self, store: Store) -> None:
        join(store)
        first, second = start(store), start(store)
        push(store, "1", first)
        push(store, "2", second)
        assert pulled(store) == "2"
        push(store, "3", first)
        assert pulled(store) == "3"
        push(store, "4")
        assert pulled(store) == "4"
        store.xcoms.push([xcom("5"), xcom("6")])
        assert pulled(store) == "6"

    def test_a_value_takes_the_place_of_its_jobs_earlier_one(self, store: Store) -> None:
        join(store)
        claimed = start(store)
        for value in ("1", "2"):
            push(store, value, claimed)
            push(store, value, key="free")
        push(store, "3", claimed, namespace="run")
        assert store.xcoms.delete("", "default", ["k"]) == 1
        assert store.xcoms.delete("", "default", ["free"]) == 1
        assert pulled(store, "k", "run") == "3"

    def test_a_running_attempt_and_the_one_a_job_ended_with_are_read(self, store: Store) -> None:
        join(store)
        for end, state in ((success, State.SUCCESSFUL), (failure, State.FAILED)):
            claimed = start(store)
            push(store, "1", claimed, key=state)
            assert pulled(store, state) == "1"
            assert finish(store, end(claimed)) == [state]
            assert pulled(store, state) == "1"

    def test_a_retry_starts_clean(self, store: Store) -> None:
        join(store)
        push(store, '"older"')
        first = start(store, max_tries=3)
        push(store, '"first"', first)
        finish(store, retry(first))
        assert pulled(store) == '"older"'
        second = claim_one(store)
        assert pulled(store) == '"older"'
        push(store, '"second"', second)
        assert pulled(store) == '"second"'
        assert store.xcoms.keys("", "default") == ["k"]

    def test_a_job_that_is_retried_by_hand_starts_clean(self, store: Store) -> None:
        join(store)
        claimed = start(store)
        push(store, "1", claimed)
        finish(store, failure(claimed))
        store.retry([claimed.id])
        assert pulled(store) is None
        claim_one(store)
        assert pulled(store) is None

    def test_a_worker_that_lost_its_job_writes_nothing_that_is_read(self, store: Store) -> None:
        join(store)
        join(store, OTHER)
        late = start(store)
        store.release(WORKER, [Fence(late.seq, late.attempt)])
        present = claim_one(store, OTHER)
        push(store, '"present"', present)
        push(store, '"late"', late)
        assert pulled(store) == '"present"'
        finish(store, success(present), worker=OTHER)
        push(store, '"later"', late)
        assert finish(store, success(late)) == [None]
        assert pulled(store) == '"present"'
        assert [found.value for found in store.xcoms.find(XComFilter())] == ['"present"']

    def test_what_a_lost_attempt_pushed_is_not_read(self, store: Store) -> None:
        join(store)
        claimed = start(store)
        push(store, "1", claimed)
        lose(store, claimed)
        assert pulled(store) is None

    def test_values_of_one_job_can_be_asked_for(self, store: Store) -> None:
        join(store)
        claimed = start(store)
        push(store, "1", claimed)
        push(store, "2")
        assert pulled(store) == "2"
        assert pulled(store, by="step") == "1"
        assert pulled(store, by="other") is None

    def test_many_keys_are_pulled_at_once(self, store: Store) -> None:
        join(store)
        claimed = start(store)
        keys = [f"key {number:04}" for number in range(1001)]
        run = new_id()
        store.xcoms.push([xcom(f'"{key}"', claimed, key, namespace=run) for key in keys])
        found = store.xcoms.pull("", [run, "default"], ["none", *keys])
        assert found == {key: f'"{key}"' for key in keys}
        assert store.xcoms.keys("", run) == keys

    # How long they live.

    def test_an_expired_value_is_never_read(self, frozen: Store, clock: FrozenClock) -> None:
        push(frozen, "1", ttl=10.0)
        push(frozen, "2", key="for ever", ttl=None)
        clock.move(9.5)
        assert pulled(frozen) == "1"
        clock.move(0.5)
        assert pulled(frozen) is None
        clock.move(10**8)
        assert pulled(frozen, "for ever") == "2"
        assert frozen.xcoms.keys("", "default") == ["for ever"]
        assert [found.key for found in frozen.xcoms.find(XComFilter())] == ["for ever"]

    def test_a_push_prolongs_a_life(self, frozen: Store, clock: FrozenClock) -> None:
        push(frozen, "1", ttl=10.0)
        clock.move(8)
        push(frozen, "2", ttl=10.0)
        clock.move(8)
        assert pulled(frozen) == "2"

    def test_expired_values_are_pruned_a_batch_at_a_time(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        frozen.xcoms.push([xcom("1", key=f"k{number}", ttl=10.0) for number in range(5)])
        push(frozen, "2", ttl=None)
        assert frozen.prune(10) == 0
        clock.move(10)
        assert [frozen.prune(3), frozen.prune(3), frozen.prune(3)] == [3, 2, 0]
        assert frozen.xcoms.delete("", "default") == 1

    def test_values_outlive_their_job(self, store: Store) -> None:
        join(store)
        first = start(store, max_tries=2)
        push(store, "1", first, key="first")
        finish(store, retry(first))
        second = claim_one(store)
        push(store, "2", second)
        finish(store, success(second))
        assert store.delete([second.id]) == 1
        assert [pulled(store), pulled(store, "first")] == ["2", None]
        # What the earlier attempt left went with the job.
        assert store.xcoms.delete("", "default") == 1
        push(store, "3", second)
        assert pulled(store) is None

    # Looking, and deleting.

    def test_what_is_found_tells_whose_it_is(self, frozen: Store, clock: FrozenClock) -> None:
        join(frozen)
        claimed = start(frozen)
        push(frozen, "1", claimed, tenant="acme", ttl=10.0)
        push(frozen, "2", key="b", ttl=None)
        last, first = frozen.xcoms.find(XComFilter())
        assert last[:4] == ("", "default", "b", "2")
        assert last[5:] == (None, None, None, None)
        assert first[:4] == ("acme", "default", "k", "1")
        assert (first.job_id, first.attempt, first.pushed_by) == (claimed.id, 1, "step")
        assert first.expires_at is not None
        assert (first.expires_at - first.pushed_at).total_seconds() == 10
        assert first.pushed_at == clock.at
        assert frozen.xcoms.find(XComFilter("acme", limit=5)) == [first]
        assert frozen.xcoms.find(XComFilter("", "run")) == []
        assert len(frozen.xcoms.find(XComFilter(limit=1))) == 1

    def test_what_a_job_pushed_is_told_the_last_value_first(self, store: Store) -> None:
        join(store)
        ours, other = start(store), start(store)
        push(store, '"other"', other)
        push(store, "1", ours, key="a", namespace="run")
        push(store, "2", ours, key="b")
        push(store, "3", key="a")
        told = store.xcoms.of_job(ours.id, 50)
        assert [(each.key, each.value, each.namespace) for each in told] == [
            ("b", "2", "default"), ("a", "1", "run"),
        ]  # fmt: skip
        assert {(each.job_id, each.attempt, each.pushed_by) for each in told} == {
            (ours.id, 1, "step")
        }
        assert store.xcoms.of_job(ours.id, 1) == told[:1]
        finish(store, success(ours))
        store.archive(10)
        assert store.xcoms.of_job(ours.id, 50) == told
        assert store.xcoms.of_job(new_id(), 50) == []

    def test_delete_takes_keys_of_one_namespace(self, store: Store) -> None:
        for key in ("a", "b", "c"):
            push(store, "1", key=key)
            push(store, "1", key=key, tenant="acme")
            push(store, "1", key=key, namespace="run")
        assert store.xcoms.delete("", "default", ["a", "b", "none"]) == 2
        assert store.xcoms.keys("", "default") == ["c"]
        assert store.xcoms.delete("", "run") == 3
        assert store.xcoms.namespaces("") == ["default"]
        assert store.xcoms.keys("acme", "default") == ["a", "b", "c"]

    @pytest.mark.parametrize("size", [262_144])
    def test_a_value_of_the_largest_size_is_kept_whole(self, store: Store, size: int) -> None:
        text = f'"{"x" * (size - 2)}"'
        push(store, text)
        assert pulled(store) == text

    def test_stores_share_no_values(self, place: Place, store: Store) -> None:
        other = place.open()
        push(store, "1")
        assert pulled(other) is None
        assert other.xcoms.find(XComFilter()) == []
        assert other.xcoms.delete("", "default") == 0
        other.close()
        assert pulled(store) == "1"
