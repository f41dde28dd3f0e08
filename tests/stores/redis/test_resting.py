"""A lone job goes straight into the hand of a worker that rests, and is never lost on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq.jobs.fence import Fence
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.rules import Rules, TenantRule
from django_taskq.jobs.states import State
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.redis import wakeups
from django_taskq.stores.wakeup import Wakeup
from tests.stores.jobs import (
    OTHER,
    TASK,
    WORKER,
    claim,
    finish,
    insert,
    insert_many,
    join,
    record,
    state,
    success,
)
from tests.stores.places import RedisPlace, redis_client

pytestmark = pytest.mark.django_db(transaction=True)

PLACE = RedisPlace("default")


@pytest.fixture
def store() -> Iterator[Any]:
    opened = PLACE.open()
    yield opened
    opened.close()


def look(store: Any, worker: str = WORKER, **values: Any) -> list[Any]:
    """Claim for a worker that has four threads with nothing to do."""
    return claim(store, 4, worker, **{"free": 4, "idle": 4, "slots": 4, **values})


def rest(store: Any, worker: str = WORKER, **values: Any) -> None:
    """Have a worker look in vain, armed."""
    join(store, worker)
    store.arm(worker)
    assert look(store, worker, **values) == []


def is_resting(store: Any, worker: str = WORKER) -> bool:
    """Tell whether a worker may be handed a job."""
    return bool(redis_client().sismember(store.scripts.keys.name("resting"), worker))


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_lone_job_is_in_the_hand_of_who_rests_and_comes_along_with_the_ring(
    store: Any, monkeypatch: pytest.MonkeyPatch, is_plain: bool
) -> None:
    if not is_plain:
        monkeypatch.setattr(wakeups, "_plain_socket", lambda connection: None)
    rest(store)
    id = insert(store, tenant="é\r\n[", metadata='{"a":"\\u00e9"}', args='["[\\r\\n"]')
    stored = record(store, id)
    assert (stored.state, stored.attempt, stored.worker_id) == (State.RUNNING, 1, WORKER)

    store.wait(WORKER, Wakeup(), 5.0)
    (claimed,) = look(store)

    assert (claimed.id, claimed.tenant, claimed.attempt) == (id, "é\r\n[", 1)
    assert (claimed.args, claimed.metadata) == ('["[\\r\\n"]', '{"a":"\\u00e9"}')
    assert claimed.claimed_at == stored.claimed_at
    assert finish(store, success(claimed)) == [State.SUCCESSFUL]
    assert redis_client().hgetall(store.scripts.keys.name("running")) == {}


def test_who_claims_without_a_sleep_gets_it_too(store: Any) -> None:
    rest(store)
    id = insert(store)
    assert [claimed.id for claimed in look(store)] == [id]
    assert look(store) == []


def test_the_next_job_rings_as_ever_until_the_worker_rests_again(store: Any) -> None:
    rest(store)
    first = insert(store)
    assert [claimed.id for claimed in look(store)] == [first]
    second = insert(store)
    assert state(store, second) is State.READY
    assert [claimed.id for claimed in look(store)] == [second]
    assert not is_resting(store)
    assert look(store) == []
    assert is_resting(store)


def test_a_job_that_is_handed_while_another_is_claimed_still_arrives(store: Any) -> None:
    rest(store)
    first = insert(store)
    ear: Any = store._wakeups._ears[WORKER]
    second = insert(store)
    # As if the ring were on its way still when the claim looks for it.
    ear._has_news = lambda: False
    assert [claimed.id for claimed in look(store)] == [second]
    assert ear.may_be_handed
    del ear._has_news
    assert [claimed.id for claimed in look(store)] == [first]


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_ring_that_comes_with_a_handed_job_is_looked_after_in_the_same_claim(
    store: Any, monkeypatch: pytest.MonkeyPatch, is_plain: bool
) -> None:
    if not is_plain:
        monkeypatch.setattr(wakeups, "_plain_socket", lambda connection: None)
    rest(store)
    ids = [insert(store), insert(store)]
    store.wait(WORKER, Wakeup(), 5.0)
    assert [claimed.id for claimed in look(store)] == ids


@pytest.mark.parametrize(
    "values",
    [
        {"queues": ("default",)},
        {"excluded_queues": ("other",)},
        {"idle": 0},
    ],
)
def test_who_would_not_take_any_job_at_once_does_not_rest(
    store: Any, values: dict[str, Any]
) -> None:
    rest(store, **values)
    assert not is_resting(store)
    assert state(store, insert(store)) is State.READY


def test_who_is_not_armed_does_not_rest(store: Any) -> None:
    join(store)
    assert look(store) == []
    assert not is_resting(store)


def test_nobody_rests_where_operators_bound_anything(store: Any) -> None:
    PLACE.rule(store, Rules({"a": TenantRule(max_running=9)}))
    rest(store)
    assert not is_resting(store)
    PLACE.rule(store, Rules({}))
    assert look(store) == []
    assert is_resting(store)
    PLACE.rule(store, Rules({"a": TenantRule(is_paused=True)}))
    assert look(store) == []
    assert not is_resting(store)


@pytest.mark.parametrize(
    "values", [{"gate": gate_of(TASK, 9, "600/m")}, {"args": f'["{"x" * 9000}"]'}]
)
def test_what_is_bounded_or_long_stands_in_its_lane(store: Any, values: dict[str, Any]) -> None:
    rest(store)
    id = insert(store, **values)
    assert state(store, id) is State.READY
    assert [claimed.id for claimed in look(store)] == [id]


def test_a_job_stands_behind_those_that_are_ready(store: Any) -> None:
    rest(store)
    insert_many(store, 2)
    assert is_resting(store)
    assert state(store, insert(store)) is State.READY
    assert len(look(store)) == 3


def test_nobody_is_handed_a_job_whose_lease_is_over() -> None:
    clock = FrozenClock(datetime.now(UTC))
    store: Any = PLACE.open(clock)
    rest(store)
    clock.at += timedelta(seconds=store.options.lease + 1)
    id = insert(store)
    assert state(store, id) is State.READY
    store.close()


def test_nobody_is_handed_a_job_who_would_not_hear_of_it(store: Any) -> None:
    rest(store)
    store._wakeups.forget(WORKER)
    id = insert(store)
    assert state(store, id) is State.READY
    assert [claimed.id for claimed in look(store)] == [id]


def test_one_of_many_that_rest_gets_it(store: Any) -> None:
    rest(store)
    rest(store, OTHER)
    id = insert(store)
    holder = record(store, id).worker_id
    assert holder in (WORKER, OTHER)
    assert is_resting(store, OTHER if holder == WORKER else WORKER)


def test_who_asks_what_it_holds_is_told_of_it_and_gets_it_no_other_way(store: Any) -> None:
    rest(store)
    id = insert(store)
    ((seq, attempt),) = store.held(WORKER)
    assert not is_resting(store)
    assert store.release(WORKER, [Fence(seq, attempt)]) == 1
    store.arm(WORKER)
    (claimed,) = look(store)
    assert (claimed.id, claimed.attempt) == (id, 2)


def test_a_cut_connection_is_told_of_and_the_job_is_still_held(store: Any) -> None:
    rest(store)
    ear: Any = store._wakeups._ears[WORKER]
    insert(store)
    ear._plain.recv(65_536)
    redis_client().client_kill_filter(_type="pubsub")
    with pytest.raises(store.outages):
        store.wait(WORKER, Wakeup(), 5.0)
    assert len(store.held(WORKER)) == 1


def test_a_busy_worker_that_asks_for_no_rings_rests_no_more(store: Any) -> None:
    rest(store)
    store.disarm(WORKER)
    assert not is_resting(store)
    assert state(store, insert(store)) is State.READY


def test_a_worker_that_is_taken_out_rests_no_more(store: Any) -> None:
    rest(store)
    store.forget(WORKER)
    assert not is_resting(store)
