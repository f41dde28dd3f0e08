"""Promises of promote and prune."""

from datetime import timedelta

import pytest

from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Promoted
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.deadlines import wait_until
from tests.stores.jobs import (
    bring,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    now_of,
    record,
    retry,
    state,
)
from tests.stores.places import Place

DAY = 86_400


class Keeping:
    """How due jobs become ready and ended ones leave."""

    def test_nothing_is_promoted_before_its_time(self, store: Store) -> None:
        assert store.promote(10) == Promoted(0, None)
        id = insert_later(store, 3600)
        promoted = store.promote(10)

        assert promoted.count == 0
        assert promoted.next_in is not None
        assert 3500 < promoted.next_in <= 3600
        assert state(store, id) == State.SCHEDULED

    def test_due_jobs_become_ready_the_longest_due_first(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        third, first, second, last = (
            insert_later(frozen, seconds) for seconds in (30, 10, 20, 100)
        )
        clock.move(40)

        assert frozen.promote(2) == Promoted(2, 0.0)
        assert [state(frozen, id) for id in (first, second, third)] == [
            State.READY, State.READY, State.SCHEDULED,
        ]  # fmt: skip
        assert frozen.promote(10) == Promoted(1, 60.0)
        assert state(frozen, last) == State.SCHEDULED
        assert frozen.promote(10) == Promoted(0, 60.0)

    def test_a_promoted_job_is_eligible_since_it_was_due(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        due_at = now_of(frozen) + timedelta(seconds=10)
        id = insert(frozen, run_after=due_at)
        clock.move(15)
        frozen.promote(10)
        job = record(frozen, id)

        assert (job.state, job.eligible_at, job.due_at) == (State.READY, due_at, None)
        assert job.run_after == due_at
        assert claim_one(frozen).run_after == due_at

    def test_a_promoted_job_stands_where_its_insertion_put_it(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        early = insert_later(frozen, 10)
        late = insert(frozen)
        clock.move(11)
        frozen.promote(10)

        assert [item.id for item in claim(frozen, 2)] == [early, late]

    def test_a_delayed_retry_is_promoted(self, frozen: Store, clock: FrozenClock) -> None:
        id = insert(frozen)
        finish(frozen, retry(claim_one(frozen), delay=5))
        assert frozen.promote(10) == Promoted(0, 5.0)
        clock.move(5)

        assert frozen.promote(10).count == 1
        again = claim_one(frozen)
        assert (again.id, again.attempt, again.tries) == (id, 2, 1)

    def test_canceled_and_hurried_jobs_are_not_promoted(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        canceled, hurried = insert_later(frozen, 10), insert_later(frozen, 10)
        frozen.cancel([canceled])
        frozen.run_now([hurried])
        clock.move(20)

        assert frozen.promote(10) == Promoted(0, None)
        assert [item.id for item in claim(frozen, 5)] == [hurried]

    def test_a_time_comes_by_the_stores_own_clock(self, store: Store) -> None:
        id = insert_later(store, 0.2)
        # On a busy machine its time may have come before it is stored.
        wait_until(
            lambda: store.promote(10) and state(store, id) == State.READY, what="the job to be due"
        )

        assert claim_one(store).id == id

    def test_unfinished_jobs_and_what_is_kept_for_ever_stay(
        self, place: Place, clock: FrozenClock
    ) -> None:
        store = place.open(clock, retention={"successful": None, "failed": None, "canceled": None})
        ids = [bring(place, store, wanted) for wanted in State]
        clock.move(9999 * DAY)

        assert store.prune(100) == 0
        assert len(store.get(ids)) == len(ids)
        store.close()


class Retaining:
    """How ended jobs leave after days: what a store in memory keeps is a number of them."""

    @pytest.mark.parametrize(
        ("ended", "days"),
        [(State.SUCCESSFUL, 1), (State.FAILED, 2), (State.SKIPPED, 2), (State.CANCELED, 3)],
    )
    def test_ended_jobs_leave_after_their_retention(
        self, place: Place, clock: FrozenClock, ended: State, days: int
    ) -> None:
        clock.at = clock.at.replace(microsecond=0)
        kept = {"successful": 1.0, "failed": 2.0, "canceled": 3.0}
        store = place.open(clock, retention=kept)
        waiting = insert_later(store, 90 * DAY)
        id = bring(place, store, ended)
        clock.move(days * DAY - 60)
        assert store.prune(10) == 0
        clock.move(120)

        assert store.prune(10) == 1
        assert store.get([id]) == []
        assert state(store, waiting) == State.SCHEDULED
        store.close()

    def test_prune_keeps_to_its_limit_and_takes_the_history_along(
        self, place: Place, clock: FrozenClock
    ) -> None:
        store = place.open(clock)
        insert_many(store, 5)
        finish(store, *[failure(item) for item in claim(store, 5)])
        clock.move(31 * DAY)

        assert [store.prune(2) for _ in range(4)] == [2, 2, 1, 0]
        store.close()
