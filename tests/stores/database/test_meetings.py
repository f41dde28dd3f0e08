"""A job that is attached while its upstream ends, in transactions that cannot see one another."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.base import Store
from django_taskq.stores.database.ripples import Ripples
from tests.stores.contracts.depending import after, insert_after
from tests.stores.contracts.naming import named
from tests.stores.contracts.relaying import relay
from tests.stores.jobs import (
    Thread,
    claim_one,
    failure,
    finish,
    insert,
    join,
    record,
    spec,
    state,
    success,
)
from tests.stores.places import DatabasePlace, durable_places

# Where transactions stand in one line no two of them can meet.
MEETING = [
    pytest.param(param.values[0], id=param.id)
    for param in durable_places()
    if not param.id.startswith("sqlite")
]

pytestmark = pytest.mark.django_db(transaction=True, databases=list(settings.DATABASES))


@pytest.fixture(params=MEETING)
def place(request: pytest.FixtureRequest) -> DatabasePlace:
    found: DatabasePlace = request.param
    return found


@pytest.fixture
def store(place: DatabasePlace) -> Iterator[Store]:
    opened = place.open(missing_dependency="wait")
    join(opened)
    yield opened
    opened.close()


def in_other_thread(place: DatabasePlace, verb: object, *args: object) -> None:
    """Do something on a connection of its own, and wait until it is done: nothing may block it."""
    thread = Thread(lambda: verb(*args))  # type: ignore[operator]
    thread.result()


def test_an_enqueue_that_is_open_holds_up_no_finish_and_finds_it_after_its_commit(
    place: DatabasePlace, store: Store
) -> None:
    first = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=place.database):
        child = insert_after(store, first)
        in_other_thread(place, finish, store, success(claimed))
    assert state(store, child) is State.READY


def test_a_finish_finds_what_was_attached_between_its_write_and_its_commit(
    place: DatabasePlace, store: Store
) -> None:
    first = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=place.database):
        finish(store, success(claimed))
        ids: list[str] = []
        in_other_thread(place, lambda: ids.append(insert_after(store, first)))
    assert state(store, ids[0]) is State.READY


@pytest.mark.parametrize("relayer_dies", [False, True])
def test_a_relay_owes_a_look_for_what_was_attached_between_its_write_and_its_commit(
    place: DatabasePlace, store: Store, relayer_dies: bool
) -> None:
    first = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=place.database):
        relay(store, success(claimed))
        ids: list[str] = []
        in_other_thread(place, lambda: ids.append(insert_after(store, first)))
    assert state(store, ids[0]) is State.DEFERRED
    if relayer_dies:
        assert store.catch_up(1000) == 1
    else:
        store.look_again()
    assert state(store, ids[0]) is State.READY
    assert store.catch_up(1000) == 0


def test_a_failure_that_meets_an_enqueue_blocks_it(place: DatabasePlace, store: Store) -> None:
    a = insert(store)
    b = insert_after(store, a)
    claimed = claim_one(store)
    with transaction.atomic(using=place.database):
        c = insert_after(store, b)
        in_other_thread(place, finish, store, failure(claimed))
    assert [record(store, id).is_blocked for id in (b, c)] == [True, True]
    with transaction.atomic(using=place.database):
        d = insert_after(store, c)
        in_other_thread(place, store.retry, [a])
    assert [record(store, id).is_blocked for id in (b, c, d)] == [False] * 3


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("child_commits_first", [False, True])
def test_two_that_are_enqueued_in_open_transactions_find_each_other(
    place: DatabasePlace, store: Store, is_named: bool, child_commits_first: bool
) -> None:
    parent = named(store, "load") if is_named else spec()
    up = Upstream(task_id="load") if is_named else Upstream(id=parent.id)
    child = spec(origin=Origin(upstreams=(up,)))
    first, second = (parent, child) if child_commits_first else (child, parent)
    with transaction.atomic(using=place.database):
        store.insert([first])
        in_other_thread(place, store.insert, [second])
    assert state(store, child.id) is State.DEFERRED
    finish(store, success(claim_one(store)))
    assert state(store, child.id) is State.READY


def test_two_upstreams_that_end_in_open_transactions_are_both_counted(
    place: DatabasePlace, store: Store
) -> None:
    ups = [insert(store), insert(store)]
    child = insert_after(store, *ups)
    first, second = claim_one(store), claim_one(store)
    with transaction.atomic(using=place.database):
        finish(store, success(first))
        # This one waits for the row of the child, and counts on from what it says then.
        thread = Thread(lambda: finish(store, success(second)))
    thread.result()
    assert state(store, child) is State.READY


def test_what_a_process_that_died_has_left_is_caught_up_on(
    place: DatabasePlace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = insert(store)
    claimed: Claim = claim_one(store)
    with monkeypatch.context() as died:
        died.setattr(Ripples, "look_again", lambda *args: None)
        with transaction.atomic(using=place.database):
            finish(store, success(claimed))
            ids: list[str] = []
            in_other_thread(place, lambda: ids.append(insert_after(store, first)))
    assert state(store, ids[0]) is State.DEFERRED
    assert store.catch_up(1000) == 1
    assert state(store, ids[0]) is State.READY
    assert store.catch_up(1000) == 0


def test_what_waits_for_a_job_that_has_come_unseen_is_caught_up_on(
    place: DatabasePlace, store: Store
) -> None:
    refusing = place.open()
    refusing.alias = store.alias
    later = spec(id=new_id())
    child = insert_after(store, later.id, rule=TriggerRule.ALL_DONE)
    other = type(store)(store.alias, refusing.options, place.vendor)  # type: ignore[call-arg]
    other.insert([later])
    assert store.catch_up(1000) == 1
    finish(store, success(claim_one(store)))
    assert state(store, child) is State.READY
    refusing.close()
    other.close()


def test_a_circle_of_two_that_met_in_open_transactions_ends(
    place: DatabasePlace, store: Store
) -> None:
    b_id = new_id()
    a = after(b_id)
    b = after(a.id)._replace(id=b_id)
    behind = after(b.id)
    cleaner = after(b.id, rule=TriggerRule.ALL_DONE)
    chain = [spec()]
    chain += [after(chain[0].id)]
    store.insert(chain)
    with transaction.atomic(using=place.database):
        store.insert([a])
        in_other_thread(place, store.insert, [b, behind, cleaner])
    assert [state(store, each.id) for each in (a, b, behind)] == [State.DEFERRED] * 3
    assert store.catch_up(1000) == 2
    for each in (a, b):
        found = record(store, each.id)
        assert (found.state, found.failure) == (State.CANCELED, Failure.DEPENDENCY)
        assert (found.reason or "").startswith("2 jobs waited for one another in a circle")
        assert a.id in (found.reason or "")
        assert b.id in (found.reason or "")
    assert state(store, behind.id) is State.CANCELED
    assert sorted(store.falls.take()) == sorted([a.id, b.id, behind.id])
    assert state(store, cleaner.id) is State.READY
    assert [state(store, each.id) for each in chain] == [State.READY, State.DEFERRED]
    assert store.catch_up(1000) == 0


def test_a_graph_may_be_cut_short_by_two_at_once(place: DatabasePlace, store: Store) -> None:
    a, b = spec(), spec()
    c = after(a.id, b.id)
    d = after(c.id, rule=TriggerRule.ALL_DONE)
    store.insert([a, b, c, d])
    claimed = claim_one(store)
    with transaction.atomic(using=place.database):
        finish(store, failure(claimed))
        thread = Thread(lambda: store.cancel([b.id]))
    thread.result()
    assert state(store, c.id) is State.CANCELED
    assert state(store, d.id) is State.READY
