"""Promises of amend: another queue or priority for jobs that wait."""

from datetime import timedelta
from time import monotonic

import pytest

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.states import WAITING, State
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.wakeup import Wakeup
from tests.stores.jobs import (
    TASK,
    WORKER,
    Thread,
    bring,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    join,
    lose,
    now_of,
    record,
    retry,
    success,
)
from tests.stores.places import Place

SOLO = "host:9:solo"
BOTH = Amendment("fast", 7)


class Amending:
    """What becomes of waiting jobs that get another queue or priority."""

    @pytest.mark.parametrize("before", sorted(WAITING))
    def test_a_waiting_job_gets_what_was_asked_for_and_keeps_the_rest(
        self, place: Place, store: Store, before: State
    ) -> None:
        id = bring(place, store, before)
        job = record(store, id)

        assert store.amend([id], BOTH) == [Change(id, before, before, is_amended=True)]
        amended = record(store, id)
        assert (amended.queue, amended.priority) == ("fast", 7)
        for kept in ("state", "enqueued_at", "eligible_at", "due_at", "args", "gate", "tenant"):
            assert getattr(amended, kept) == getattr(job, kept)

    @pytest.mark.parametrize("before", sorted(set(State) - WAITING))
    def test_any_other_job_stays_as_it_is(self, place: Place, store: Store, before: State) -> None:
        id = bring(place, store, before)
        job = record(store, id)

        assert store.amend([id], BOTH) == [Change(id, before, before)]
        assert record(store, id) == job

    def test_one_field_changes_alone(self, store: Store) -> None:
        id = insert(store, queue="mail", priority=3)
        store.amend([id], Amendment(priority=-4))
        assert (record(store, id).queue, record(store, id).priority) == ("mail", -4)
        store.amend([id], Amendment("video"))
        assert (record(store, id).queue, record(store, id).priority) == ("video", -4)

    def test_a_worker_finds_the_job_in_its_new_queue_alone(self, store: Store) -> None:
        moved, other = insert_many(store, 2, queue="mail")
        store.amend([moved], Amendment("video"))

        assert [item.id for item in claim(store, 9, queues=("mail",))] == [other]
        assert claim(store, 9, queues=("mail",)) == []
        (claimed,) = claim(store, 9, queues=("video",))
        assert (claimed.id, claimed.queue) == (moved, "video")
        assert finish(store, success(claimed)) == [State.SUCCESSFUL]

    def test_a_priority_decides_the_place_in_the_lane(self, store: Store) -> None:
        first, second, third = insert_many(store, 3)
        store.amend([third], Amendment(priority=5))
        store.amend([first], Amendment(priority=-5))

        claims = claim(store, 3)
        assert [item.id for item in claims] == [third, second, first]
        assert [item.priority for item in claims] == [5, 0, -5]

    def test_the_critical_band_is_entered_and_left(self, store: Store) -> None:
        plain, urgent = insert(store), insert(store, priority=100, tenant="acme")
        store.amend([plain], Amendment(priority=100))
        store.amend([urgent], Amendment(priority=99))
        later = insert(store, tenant="acme", priority=100)

        assert {item.id for item in claim(store, 2)} == {plain, later}
        assert claim_one(store).id == urgent

    def test_a_scheduled_job_has_its_queue_and_priority_when_it_is_due(
        self, place: Place, frozen: Store, clock: FrozenClock
    ) -> None:
        id = insert_later(frozen, 60, queue="mail")
        due_at = record(frozen, id).due_at
        frozen.amend([id], BOTH)

        assert record(frozen, id).due_at == due_at
        assert frozen.promote(9).count == 0
        clock.move(61)
        assert frozen.promote(9).count == 1
        (claimed,) = claim(frozen, 9, queues=("fast",))
        assert (claimed.id, claimed.priority) == (id, 7)

    def test_what_a_job_has_waited_counts_on(self, place: Place, clock: FrozenClock) -> None:
        store = place.open(clock, priority_aging=10.0)
        old = insert(store, priority=-3)
        clock.move(25)
        young = insert(store)
        store.amend([old], Amendment(priority=0))
        youngest = insert(store, priority=2)
        clock.move(15)
        last = insert(store, priority=4)

        # Moments minus ten seconds a point: old 0, youngest 25 - 20, last 40 - 40, young 25.
        assert [item.id for item in claim(store, 9)] == [old, last, youngest, young]
        store.close()

    def test_a_gated_job_keeps_its_limits_in_its_new_queue(self, store: Store) -> None:
        gate = gate_of(TASK, 1, None)
        first, second = insert_many(store, 2, gate=gate)
        store.amend([second], Amendment("video", 100))
        (claimed,) = claim(store, 9)

        assert claimed.id == second
        assert claim(store, 9) == []
        finish(store, success(claimed))
        assert claim_one(store).id == first

    def test_depths_go_with_the_job(self, store: Store) -> None:
        ready, later = insert(store, queue="mail"), insert_later(store, queue="mail")
        store.amend([ready, later], Amendment("video"))

        lanes = store.insights().lanes
        assert {(lane.queue, str(lane.state), lane.count) for lane in lanes} == {
            ("video", "READY", 1),
            ("video", "SCHEDULED", 1),
        }

    def test_an_amended_job_runs_again_in_its_new_queue(self, store: Store) -> None:
        id = insert(store, max_tries=3)
        store.amend([id], BOTH)
        finish(store, retry(claim_one(store)))
        (again,) = claim(store, 9, queues=("fast",))
        assert (again.id, again.priority) == (id, 7)
        finish(store, failure(again))
        store.retry([id])
        assert [item.id for item in claim(store, 9, queues=("fast",))] == [id]

    def test_a_copy_has_the_queue_and_priority_of_the_job(self, store: Store) -> None:
        id = insert(store)
        store.amend([id], BOTH)
        (copy,) = store.requeue([id])
        assert (record(store, copy.id).queue, record(store, copy.id).priority) == ("fast", 7)

    def test_an_idle_worker_is_woken(self, store: Store) -> None:
        join(store)
        id = insert(store, queue="mail")
        store.arm(WORKER)
        assert claim(store, queues=("video",)) == []
        # Nobody is woken by its own connection.
        Thread(lambda: store.amend([id], Amendment("video"))).result()
        before = monotonic()
        store.wait(WORKER, Wakeup(), 30.0)

        assert monotonic() - before < 5.0
        assert [item.id for item in claim(store, queues=("video",))] == [id]
        store.disarm(WORKER)

    def test_unknown_jobs_are_told_in_their_place_when_amended(self, store: Store) -> None:
        known, unknown = insert(store), new_id()
        changes = store.amend([unknown, known, "123", known], BOTH)

        assert changes[0] == Change(unknown, None, None)
        assert changes[2] == Change("123", None, None)
        assert changes[1] == changes[3] == Change(known, "READY", "READY", is_amended=True)
        assert store.amend([], BOTH) == []

    def test_many_are_amended_at_once(self, store: Store) -> None:
        ids = [insert(store, priority=n % 7, tenant=f"t{n % 3}") for n in range(60)]
        assert all(change.is_amended for change in store.amend(ids, BOTH))
        taken = claim(store, 100, queues=("fast",))
        assert sorted(item.id for item in taken) == sorted(ids)
        assert {item.priority for item in taken} == {7}


class AmendingSuspects:
    """What durable stores promise of suspects that are amended."""

    def test_a_suspect_stays_apart_with_its_new_queue_and_priority(self, store: Store) -> None:
        first, second = insert_many(store, 2)
        lose(store, *claim(store, 2))
        store.amend([second], Amendment("video", 100))

        assert claim(store, 9) == []
        assert record(store, second).parked_for == "suspect"
        taken = claim(store, 9, SOLO, suspects=True)
        assert [item.id for item in taken] == [second, first]
        assert taken[0].queue == "video"

    def test_a_job_that_waits_for_a_retry_is_amended(self, store: Store) -> None:
        id = insert(store, max_tries=2)
        finish(store, retry(claim_one(store), delay=60))
        due_at = record(store, id).due_at
        assert due_at is not None
        assert due_at > now_of(store) + timedelta(seconds=30)
        store.amend([id], BOTH)
        assert record(store, id).due_at == due_at
        store.run_now([id])
        assert [item.id for item in claim(store, queues=("fast",))] == [id]
