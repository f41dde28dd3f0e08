"""What Redis has lost, or was never told of, is handed over again, once."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Note
from django_taskq.jobs.states import State
from django_taskq.jobs.sweeps import Room
from django_taskq.models import Job
from django_taskq.stores.durable import sweep as sweeping
from tests.deadlines import wait_until
from tests.stores.durable.losses import (
    flush,
    keys_of,
    let_turn_expire,
    name,
    sweep,
    sweep_all,
    sweep_newest,
)
from tests.stores.jobs import (
    OTHER,
    WORKER,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    join,
    lose,
    retry,
    spec,
    state,
    success,
)
from tests.stores.places import DurablePlace, places_with_both, redis_client


@pytest.fixture(params=places_with_both())
def place(request: pytest.FixtureRequest) -> DurablePlace:
    found: DurablePlace = request.param
    return found


@pytest.fixture
def store(place: DurablePlace) -> Iterator[Any]:
    opened = place.open()
    sweep(opened)
    yield opened
    opened.close()


def twin_of(place: DurablePlace, store: Any) -> Any:
    """Return the same store as another process has it."""
    return place.open(alias=store.alias)


def drain(store: Any, worker: str = OTHER) -> list[str]:
    """Join a worker and run all that it is handed; return the ids in the order of their starts."""
    join(store, worker)
    ids: list[str] = []
    while claims := claim(store, 50, worker):
        ids += [claimed.id for claimed in claims]
        finish(store, *map(success, claims), worker=worker)
    return ids


# Redis has lost everything.


def test_all_that_has_not_ended_is_handed_over_again(store: Any) -> None:
    join(store)
    ids = insert_many(store, 5)
    finish(store, success(claim_one(store)))
    running = claim_one(store)
    noted = claim_one(store)
    store.note(WORKER, [_note(noted)])
    later = insert_later(store)
    flush(store)

    with pytest.raises(Exception, match="lease"):
        claim(store)
    sweep(store)
    assert state(store, noted.id) == State.READY
    assert finish(store, success(noted), success(running)) == [None, None]
    assert sorted(drain(store)) == sorted(ids[1:])
    assert {state(store, id) for id in ids} == {State.SUCCESSFUL}
    assert state(store, later) == State.SCHEDULED
    store.run_now([later])
    assert drain(store, WORKER) == [later]


def _note(claimed: Claim) -> Note:
    return Note(claimed.seq, claimed.attempt, claimed.claimed_at)


def test_no_attempt_is_handed_out_twice(store: Any) -> None:
    join(store)
    insert_many(store, 2)
    known, unknown = claim(store, 2)
    store.note(WORKER, [_note(known)])
    flush(store)
    store.epoch.restore()
    sweep(store)
    join(store, OTHER)
    again = {claimed.seq: claimed for claimed in claim(store, 2, OTHER)}
    assert again[known.seq].attempt == known.attempt + 2
    assert again[unknown.seq].attempt == unknown.attempt + 1


def test_who_was_to_stop_when_redis_was_lost_does_not_run_again(store: Any) -> None:
    join(store)
    insert(store)
    claimed = claim_one(store)
    store.note(WORKER, [_note(claimed)])
    store.cancel([claimed.id])
    flush(store)
    store.epoch.restore()
    sweep(store)
    assert state(store, claimed.id) == State.CANCELED
    assert drain(store) == []


def test_suspects_stand_apart_again(store: Any) -> None:
    join(store)
    insert(store)
    claimed = claim_one(store)
    lose(store, claimed)
    flush(store)
    store.epoch.restore()
    sweep(store)
    join(store, OTHER)
    assert store.has_suspects()
    assert claim(store, 1, OTHER) == []
    (again,) = claim(store, 1, OTHER, suspects=True)
    assert again.id == claimed.id


def test_tries_and_their_errors_are_not_forgotten(store: Any) -> None:
    join(store)
    insert(store, max_tries=3)
    finish(store, retry(claim_one(store), text="one", ctx='{"n":1}'))
    flush(store)
    store.epoch.restore()
    sweep(store)
    join(store, OTHER)
    (again,) = claim(store, 1, OTHER)
    assert (again.tries, again.ctx, len(again.errors)) == (1, '{"n":1}', 1)


def test_a_result_of_an_epoch_that_is_over_is_refused(store: Any) -> None:
    join(store)
    insert(store)
    claimed = claim_one(store)
    assert store.rows.epochs.replace(1, 2)
    # Nobody has looked at that row yet, nor does this process know.
    assert finish(store, success(claimed)) == [None]
    assert finish(store, failure(claimed)) == [None]
    assert state(store, claimed.id) in (State.READY, State.RUNNING)


def test_claims_go_on_while_it_is_refilled(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 3)
    monkeypatch.setattr(sweeping, "STRETCH", 0.0)
    ids = insert_many(store, 10)
    flush(store)
    store.epoch.restore()
    join(store, OTHER)
    seen = []
    for _ in range(20):
        seen += [claimed.id for claimed in claim(store, 50, OTHER)]
        store.sweep()
        if 0 < len(seen) < 10:
            insert(store)
    assert seen[:3] == ids[:3]
    assert len(seen) == len(set(seen)) > 10


def test_a_refill_is_gone_on_with_where_it_stood(
    place: DurablePlace, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 3)
    monkeypatch.setattr(sweeping, "STRETCH", 0.0)
    ids = insert_many(store, 10)
    flush(store)
    store.epoch.restore()
    store.sweep()
    store.sweep()
    before = set(_in_redis(store))
    assert 0 < len(before) < 10

    other = twin_of(place, store)
    assert other.sweep() == sweeping.LOOK_EVERY, "it is another one's turn"
    let_turn_expire(store)
    sweep(other)
    assert len(_in_redis(store)) == 10
    attempts = Job.objects.using(place.database).filter(backend=store.alias)
    assert set(attempts.values_list("attempt", flat=True)) == {1}
    assert drain(other) == ids
    other.close()


def _in_redis(store: Any) -> list[int]:
    found: list[int] = store.line.sweeping.known(0, 1000)
    return found


def test_a_refill_leaves_jobs_alone_that_are_stored_and_about_to_be_handed_over(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 3)
    monkeypatch.setattr(sweeping, "STRETCH", 0.0)
    insert_many(store, 5)
    flush(store)
    store.epoch.restore()
    store.sweep()
    # As of one who has committed, and whose hand-over is on its way.
    store.rows.insert([spec()])
    sweep(store)
    assert len(_in_redis(store)) == 5, "handed over twice it would run twice"
    sweep_newest(store)
    sweep_newest(store)
    assert len(_in_redis(store)) == 6, "whoever stored it has died"


def test_a_refill_says_when_it_is_done(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    insert_many(store, 4)
    flush(store)
    store.epoch.restore()
    with caplog.at_level(logging.WARNING, "django_taskq.stores"):
        sweep(store)
    assert f"Handed over 4 jobs of {store.alias!r} again" in caplog.text


# Redis does not know of some.


def test_a_job_that_was_never_handed_over_is_found_soon(store: Any, place: DurablePlace) -> None:
    # As of one who died between its commit and the hand-over.
    (id,) = [item.id for item in store.rows.insert([spec()])]
    sweep_newest(store)
    assert _in_redis(store) == [], "it may be on its way still"
    sweep_newest(store)
    assert drain(store) == [id]


def test_more_new_jobs_than_one_look_takes_are_all_found(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 3)
    ids = [item.id for item in store.rows.insert([spec() for _ in range(10)])]
    sweep_newest(store)
    sweep_newest(store)
    assert drain(store) == ids


@pytest.mark.parametrize(
    "entry", ["job:", "lane:", "ring:", "gates:", "queues:", "jobs", "due", "hand:", "seq"]
)
def test_whatever_key_is_evicted_no_job_is_lost(store: Any, entry: str) -> None:
    join(store)
    later = insert_later(store)
    ids = [insert(store, tenant=tenant) for tenant in ("a", "b", "c", "d")]
    held = claim_one(store)
    for key in keys_of(store):
        if key.decode().startswith(name(store, entry)):
            redis_client().delete(key)
    if entry != "due":
        store.run_now([later])
    sweep_all(store)
    ended = finish(store, success(held))
    assert ended in ([State.SUCCESSFUL], [None])
    if entry == "due":
        assert redis_client().zcard(name(store, "due")) == 1
        store.run_now([later])
    drain(store)
    assert {state(store, id) for id in [*ids, later]} == {State.SUCCESSFUL}


def test_a_running_job_whose_key_was_evicted_is_its_workers_to_end(store: Any) -> None:
    join(store)
    insert(store)
    held = claim_one(store)
    store.note(WORKER, [_note(held)])
    redis_client().delete(name(store, "job:", f"{held.seq:016d}"))
    sweep_all(store)
    assert state(store, held.id) == State.RUNNING
    assert finish(store, success(held)) == [State.SUCCESSFUL]


def test_after_keys_were_evicted_all_is_looked_at_soon(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = insert_many(store, 3)
    sweep_newest(store)
    redis_client().delete(name(store, "job:", f"{_in_redis(store)[0]:016d}"))
    evicted = iter([100, *[101] * 50])
    monkeypatch.setattr(store.line.sweeping, "room", lambda: Room(True, next(evicted)))
    sweep_newest(store)
    sweep_newest(store)
    assert sorted(drain(store)) == sorted(ids)


def test_the_way_to_a_lane_of_many_jobs_is_mended_and_nothing_is_void(store: Any) -> None:
    join(store)
    ids = insert_many(store, 20)
    held = claim_one(store)
    for entry in ("ring:", "gates:", "queues:"):
        for key in keys_of(store):
            if key.decode().startswith(name(store, entry)):
                redis_client().delete(key)
    assert claim(store, 1) == []
    sweep_all(store)
    assert finish(store, success(held)) == [State.SUCCESSFUL]
    (next_one,) = claim(store)
    assert (next_one.id, next_one.attempt) == (ids[1], 1)


def test_a_full_redis_is_not_filled_with_what_is_safe_in_rows(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "FEW", 3)
    ids = insert_many(store, 10)
    flush(store)
    store.epoch.restore()
    room = [Room(False, 1)]
    monkeypatch.setattr(store.line.sweeping, "room", lambda: room[0])
    sweep(store)
    assert _in_redis(store) == []
    room[0] = Room(True, 1)
    sweep_all(store)
    assert drain(store) == ids


# Redis knows what is over.


@pytest.mark.parametrize("how", ["ended", "deleted"])
def test_a_job_whose_row_is_over_leaves_redis(store: Any, place: DurablePlace, how: str) -> None:
    ids = insert_many(store, 3)
    rows = Job.objects.using(place.database).filter(backend=store.alias, public_id=ids[1])
    if how == "ended":
        rows.update(state=State.CANCELED)
    else:
        rows.delete()
    sweep_all(store)
    assert len(_in_redis(store)) == 2
    assert drain(store) == [ids[0], ids[2]]


# What it costs.


def test_one_process_sweeps_and_what_is_known_costs_next_to_nothing(
    store: Any, place: DurablePlace
) -> None:
    insert_many(store, 5)
    sweep_newest(store)
    sweep_newest(store)
    sweep_newest(store)
    with CaptureQueriesContext(connections[place.database]) as captured:
        sweep_newest(store)
    # The number of the epoch, and twice of the newest rows.
    assert len(captured) <= 3, captured.captured_queries
    other = twin_of(place, store)
    with CaptureQueriesContext(connections[place.database]) as captured:
        assert other.sweep() == sweeping.LOOK_EVERY
    assert len(captured) <= 2, captured.captured_queries
    other.close()


def test_a_job_stands_in_one_place_however_often_it_is_handed_over(store: Any) -> None:
    join(store)
    insert_many(store, 3)
    claim_one(store)
    seqs = _in_redis(store)
    for _ in range(3):
        store.handover.sync(seqs)
        sweep_all(store)
    places = sum(redis_client().zcard(key) for key in keys_of(store) if b"}:lane:" in key) + sum(
        redis_client().scard(key) for key in keys_of(store) if b"}:hand:" in key
    )
    assert places == 3


def test_due_jobs_are_promoted_after_a_refill(store: Any) -> None:
    soon = insert_later(store, 0.5)
    flush(store)
    store.epoch.restore()
    sweep(store)
    wait_until(lambda: store.promote(10).count, what="the job to be due")
    assert drain(store) == [soon]
