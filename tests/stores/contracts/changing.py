"""Promises of cancel, retry and run_now."""

import pytest

from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import ENDED, RETRYABLE, WAITING, Failure, State
from django_taskq.stores.base import Store
from tests.stores.jobs import (
    WORKER,
    bring,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_many,
    join,
    outcome,
    record,
    retry,
    state,
    success,
)
from tests.stores.places import Place


class Changing:
    """What callers and operators can do in every state."""

    @pytest.mark.parametrize("before", sorted(WAITING))
    def test_a_waiting_job_is_canceled_at_once(
        self, place: Place, store: Store, before: State
    ) -> None:
        id = bring(place, store, before)

        assert store.cancel([id]) == [Change(id, before, State.CANCELED)]
        job = record(store, id)
        assert (job.state, job.failure) == (State.CANCELED, Failure.CANCELED)
        assert job.reason
        assert job.finished_at is not None
        assert (job.attempt, job.tries, job.worker_ids) == (0, 0, [])
        assert claim(store) == []

    @pytest.mark.parametrize("before", sorted(ENDED))
    def test_an_ended_job_stays_as_it_is(self, place: Place, store: Store, before: State) -> None:
        id = bring(place, store, before)
        job = record(store, id)

        assert store.cancel([id]) == [Change(id, before, before)]
        assert record(store, id) == job

    def test_a_running_job_is_asked_to_stop(self, store: Store) -> None:
        join(store)
        asked, other = insert_many(store, 2)
        claims = {item.id: item for item in claim(store, 2)}

        assert store.cancels_asked(WORKER) == frozenset()
        expected = Change(asked, State.RUNNING, State.RUNNING, is_asked=True)
        assert store.cancel([asked]) == [expected]
        assert store.cancel([asked]) == [expected]
        assert state(store, asked) == State.RUNNING
        assert record(store, asked).cancel_asked_at is not None
        assert record(store, other).cancel_asked_at is None
        assert store.cancels_asked(WORKER) == {claims[asked].seq}
        assert store.cancels_asked("nobody") == frozenset()
        assert store.heartbeat(WORKER).cancel_asked == {claims[asked].seq}

    def test_a_success_wins_over_a_cancel(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        store.cancel([id])

        assert finish(store, success(claimed, "1")) == [State.SUCCESSFUL]
        job = record(store, id)
        assert (job.result, job.failure, job.errors) == ("1", None, ())
        assert store.cancels_asked(WORKER) == frozenset()

    @pytest.mark.parametrize(
        "end",
        [failure, retry, lambda claimed: retry(claimed, delay=60),
         lambda claimed: outcome(claimed, Verdict.RELEASED)],
        ids=["failure", "retry", "delayed", "released"],
    )  # fmt: skip
    def test_a_cancel_wins_over_every_other_end(self, store: Store, end: object) -> None:
        id = insert(store)
        claimed = claim_one(store)
        store.cancel([id])
        ended: Outcome = end(claimed)  # type: ignore[operator]

        assert finish(store, ended) == [State.CANCELED]
        job = record(store, id)
        assert (job.failure, job.result) == (Failure.CANCELED, None)
        assert job.reason
        assert job.finished_at is not None
        assert job.tries == (1 if ended.costs_try else 0)
        assert job.errors[-1].exception_class_path.endswith(".JobCanceled")

    def test_a_job_asked_to_stop_and_given_back_is_canceled(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        store.cancel([id])
        store.release(WORKER, [Fence(claimed.seq, claimed.attempt)])

        assert state(store, id) == State.CANCELED
        assert claim(store) == []

    @pytest.mark.parametrize("before", sorted(RETRYABLE))
    def test_a_job_that_ended_badly_is_ready_again(
        self, place: Place, store: Store, before: State
    ) -> None:
        id = bring(place, store, before)

        assert store.retry([id]) == [Change(id, before, State.READY)]
        job = record(store, id)
        assert (job.state, job.tries, job.failure, job.reason) == (State.READY, 0, None, None)
        assert (job.finished_at, job.cancel_asked_at, job.worker_id) == (None, None, None)
        assert job.eligible_at is not None
        assert claim_one(store).id == id

    @pytest.mark.parametrize("before", sorted(set(State) - RETRYABLE))
    def test_no_other_job_is_retried(self, place: Place, store: Store, before: State) -> None:
        id = bring(place, store, before)
        job = record(store, id)

        assert store.retry([id]) == [Change(id, before, before)]
        assert record(store, id) == job

    def test_a_retry_gives_fresh_tries_and_keeps_the_history(self, store: Store) -> None:
        id = insert(store, max_tries=2)
        first = claim_one(store)
        finish(store, retry(first, text="one"))
        finish(store, failure(claim_one(store), "two"))
        store.retry([id])
        again = claim_one(store)

        assert (again.attempt, again.tries) == (3, 0)
        assert len(again.errors) == 2
        finish(store, success(again))
        job = record(store, id)
        assert (job.attempt, job.tries, len(job.errors)) == (3, 1, 2)
        assert job.worker_ids == [WORKER] * 3
        assert job.started_at == first.claimed_at

    def test_a_retried_job_has_forgotten_that_it_was_asked_to_stop(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        store.cancel([id])
        finish(store, failure(claimed))
        store.retry([id])

        assert finish(store, retry(claim_one(store))) == [State.READY]

    def test_a_scheduled_job_runs_now(self, place: Place, store: Store) -> None:
        id = bring(place, store, State.SCHEDULED)

        assert store.run_now([id]) == [Change(id, State.SCHEDULED, State.READY)]
        job = record(store, id)
        assert (job.state, job.due_at) == (State.READY, None)
        assert job.run_after is not None
        assert job.eligible_at is not None
        assert claim_one(store).id == id

    @pytest.mark.parametrize("before", sorted(set(State) - {State.SCHEDULED}))
    def test_run_now_leaves_every_other_job(
        self, place: Place, store: Store, before: State
    ) -> None:
        id = bring(place, store, before)
        job = record(store, id)

        assert store.run_now([id]) == [Change(id, before, before)]
        assert record(store, id) == job

    @pytest.mark.parametrize("verb", ["cancel", "retry", "run_now"])
    def test_unknown_ids_are_told_in_their_place(self, store: Store, verb: str) -> None:
        known, unknown = insert(store), new_id()
        changes = getattr(store, verb)([unknown, known, "123", known])

        assert [change.id for change in changes] == [unknown, known, "123", known]
        assert changes[0] == Change(unknown, None, None)
        assert changes[2] == Change("123", None, None)
        assert changes[1] == changes[3]
        assert changes[1].before == State.READY
        assert getattr(store, verb)([]) == []

    def test_canceling_and_retrying_again_and_again_hands_a_job_out_once(
        self, store: Store
    ) -> None:
        id, other = insert(store), insert(store, tenant="other")
        for _ in range(40):
            store.cancel([id, other])
            store.retry([id])

        assert [item.id for item in store.claim(ClaimRequest(WORKER, 10))] == [id]
        assert store.insights().depth() == 1
