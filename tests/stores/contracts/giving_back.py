"""Promises about jobs that a worker gives back for a while, since it cannot load them."""

from datetime import timedelta

from django_taskq.jobs import sighting
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.sighting import Sighting
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.base import Store
from tests.stores.jobs import (
    TASK,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_many,
    outcome,
    record,
    success,
)


def sighting_of(claimed: Claim) -> Sighting:
    """Return what a worker knows of a job that it cannot load."""
    at = claimed.claimed_at
    return Sighting(at, at + timedelta(minutes=1), 0, claimed.worker_id, "No module named 'gone'.")


def given_back(claimed: Claim, delay: float = 600.0) -> Outcome:
    """Return the outcome of a claim that could not be loaded."""
    ctx = sighting.keep(claimed.ctx, sighting_of(claimed))
    return outcome(claimed, Verdict.RELEASED, started_at=None, delay=delay, ctx=ctx)


class GivingBack:
    """How a job waits that some worker could not load."""

    def test_it_waits_at_no_cost_and_says_why(self, store: Store) -> None:
        id = insert(store, max_tries=1)
        claimed = claim_one(store)

        assert finish(store, given_back(claimed)) == [State.SCHEDULED]
        job = record(store, id)
        assert (job.tries, job.errors, job.started_at, job.worker_ids) == (0, (), None, [])
        assert job.reason == sighting_of(claimed).sentence
        assert job.failure is None
        assert claim(store) == []

    def test_the_next_claim_knows_what_was_seen(self, store: Store) -> None:
        id = insert(store)
        first = claim_one(store)
        finish(store, given_back(first))
        store.run_now([id])

        assert record(store, id).reason == sighting_of(first).sentence
        second = claim_one(store)
        assert sighting.sighting_in(second.ctx) == sighting_of(first)
        assert record(store, id).reason is None
        finish(store, success(second))
        job = record(store, id)
        assert (job.state, job.reason, job.tries) == (State.SUCCESSFUL, None, 1)

    def test_an_end_tells_its_own_reason(self, store: Store) -> None:
        id = insert(store)
        finish(store, given_back(claim_one(store)))
        store.run_now([id])
        finish(store, failure(claim_one(store), "gone", failure=Failure.UNLOADABLE))

        job = record(store, id)
        assert (job.state, job.failure, job.reason) == (State.FAILED, Failure.UNLOADABLE, "gone")

    def test_it_is_canceled_as_any_other(self, store: Store) -> None:
        waiting, held = insert_many(store, 2)
        first, second = claim(store, 2)
        finish(store, given_back(first))
        store.cancel([waiting, held])

        assert finish(store, given_back(second)) == [State.CANCELED]
        assert [record(store, id).state for id in (waiting, held)] == [State.CANCELED] * 2
        assert "canceled" in str(record(store, waiting).reason)

    def test_a_retry_lets_its_time_begin_anew_and_keeps_what_else_is_kept(
        self, store: Store
    ) -> None:
        id = insert(store)
        other = insert(store)
        mine, theirs = claim(store, 2)
        finish(store, given_back(mine._replace(ctx='{"theirs":1}')), failure(theirs, ctx='{"a":2}'))
        store.cancel([id])
        store.retry([id, other])

        assert record(store, id).reason is None
        assert [item.ctx for item in claim(store, 2)] == ['{"theirs":1}', '{"a":2}']

    def test_its_place_under_a_limit_is_free_meanwhile(self, store: Store) -> None:
        first, second = insert_many(store, 2, gate=gate_of(TASK, 1, None))
        (held,) = claim(store, 2)
        assert claim(store) == []
        finish(store, given_back(held))

        assert [item.id for item in claim(store, 2)] == [second]
        assert record(store, first).state == State.SCHEDULED
