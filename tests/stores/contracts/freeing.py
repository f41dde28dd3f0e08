"""Promises of predictable ids: when one is free, and who takes it back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import ENDED, RETRYABLE, State
from django_taskq.jobs.unique import Entry, OnDuplicate
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.contracts.naming import GOES_ON, ending, enter, named, release, unfinished
from tests.stores.jobs import (
    WORKER,
    bring,
    claim,
    claim_one,
    failure,
    finish,
    join,
    lose,
    now_of,
    outcome,
    record,
    retry,
    state,
    success,
)
from tests.stores.places import Place

RAISE, RETURN, REPLACE = OnDuplicate


def cancel_then(end: Callable[[Store, Claim], Any]) -> Callable[[Store, Claim], Any]:
    """Return an end that somebody has asked for before it comes."""

    def ends(store: Store, claimed: Claim) -> None:
        store.cancel([claimed.id])
        end(store, claimed)

    return ends


def lose_for_good(store: Store, claimed: Claim) -> None:
    for _ in range(store.options.max_lost):
        lose(store, claimed, was_alone=True)
        suspects = claim(store, suspects=True) or claim(store)
        claimed = suspects[0] if suspects else claimed


# Every way in which a running job ends.
ENDS = {
    "success": ending(success),
    "success with notes": ending(lambda claimed: success(claimed, metadata="{}")),
    "failure": ending(failure),
    "rejected": ending(lambda claimed: outcome(claimed, Verdict.FAILED, reason="no")),
    "canceled": cancel_then(ending(failure)),
    "canceled retry": cancel_then(ending(retry)),
    "canceled and released": cancel_then(release),
    "canceled and lost": cancel_then(lose),
    "canceled and forgotten": cancel_then(lambda store, claimed: store.forget(WORKER)),
    "lost": lose_for_good,
}


class Freeing:
    """When the id of a job is free again, and what becomes of retries and copies."""

    def test_the_id_is_free_when_a_job_ends(self, store: Store) -> None:
        for how, end in ENDS.items():
            join(store)
            first = enter(store, how)
            end(store, claim_one(store))

            assert state(store, first.id) in ENDED, how
            second = enter(store, how)
            assert second.entry is Entry.NEW, how
            store.cancel([second.id])

    def test_the_id_is_free_when_a_waiting_job_is_canceled(self, store: Store) -> None:
        for rule in OnDuplicate:
            later = now_of(store) + timedelta(days=1)
            for run_after in (None, later, None):
                waiting = enter(store, on_duplicate=rule, run_after=run_after)
                assert waiting.entry is Entry.NEW, rule
                store.cancel([waiting.id])

    @pytest.mark.parametrize("end", ["failure", "canceled"])
    def test_the_id_is_free_when_a_job_is_taken_back_for_the_last_time(
        self, place: Place, clock: FrozenClock, end: str
    ) -> None:
        store = place.open(clock, max_lost=1)
        try:
            join(store, is_solo=True)
            first = enter(store)
            claim_one(store)
            if end == "canceled":
                store.cancel([first.id])
            clock.move(1000)
            store.reap()
            assert state(store, first.id) in (State.FAILED, State.CANCELED)
            assert enter(store).entry is Entry.NEW
        finally:
            store.close()

    def test_a_job_that_goes_on_keeps_its_id(self, store: Store) -> None:
        for how, step in GOES_ON.items():
            join(store)
            first = enter(store, how)
            step(store, claim_one(store))

            assert enter(store, how, on_duplicate=RETURN).id == first.id, how
            store.cancel([first.id])

    # Retries and copies.

    def test_a_retried_job_takes_its_id_back(self, store: Store) -> None:
        first = enter(store)
        finish(store, failure(claim_one(store)))

        assert store.retry([first.id]) == [Change(first.id, State.FAILED, State.READY)]
        assert enter(store, on_duplicate=RETURN).id == first.id
        finish(store, success(claim_one(store)))
        assert enter(store).entry is Entry.NEW

    @pytest.mark.parametrize("before", sorted(RETRYABLE - {State.SKIPPED}))
    def test_a_job_whose_id_is_taken_again_is_not_retried(
        self, store: Store, before: State
    ) -> None:
        first = enter(store)
        if before is State.FAILED:
            finish(store, failure(claim_one(store)))
        else:
            store.cancel([first.id])
        other, ended = enter(store), record(store, first.id)

        assert store.retry([first.id]) == [Change(first.id, before, before, held_by=other.id)]
        assert record(store, first.id) == ended
        store.cancel([other.id])
        assert store.retry([first.id])[0].after == State.READY

    def test_of_many_jobs_with_one_id_one_is_retried(self, place: Place, store: Store) -> None:
        ids = []
        for _ in range(3):
            ids.append(enter(store).id)
            store.cancel(ids[-1:])
        plain = bring(place, store, State.CANCELED)
        first, second, third, other = store.retry([*ids, plain])

        assert (first.after, first.held_by) == (State.READY, None)
        for refused in (second, third):
            assert (refused.after, refused.held_by) == (State.CANCELED, ids[0])
        assert other.after == State.READY
        assert sorted(unfinished(store)) == sorted([ids[0], plain])

    def test_a_copy_has_no_predictable_id(self, store: Store) -> None:
        first = enter(store)
        (copy,) = store.requeue([first.id])

        assert record(store, copy.id).task_id is None
        assert len(unfinished(store)) == 2

    def test_who_holds_an_id_can_be_seen(self, store: Store) -> None:
        first = enter(store)
        keys = [named(store).unique_key, named(store, "other").unique_key]
        held = store.holders(keys)

        assert list(held) == keys[:1]
        assert held[keys[0]][:3] == (first.id, State.READY, first.enqueued_at)
        assert held[keys[0]].is_fresh
        claimed = claim_one(store)
        assert not store.holders(keys)[keys[0]].is_fresh
        finish(store, success(claimed))
        assert store.holders(keys) == {}
