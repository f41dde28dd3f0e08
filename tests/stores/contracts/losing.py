"""Promises of lose."""

import pytest

from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import (
    KILLED,
    OTHER,
    WORKER,
    claim,
    claim_one,
    finish,
    insert,
    insert_many,
    lose,
    record,
    retry,
    success,
)
from tests.stores.places import Place

JOB_LOST = "django_taskq.exceptions.JobLost"


class Losing:
    """How jobs come back whose worker died while it ran them."""

    def test_a_lost_job_tells_what_became_of_its_worker(
        self, place: Place, frozen: Store, clock: FrozenClock
    ) -> None:
        id = insert(frozen)
        claimed = claim_one(frozen)
        clock.move(5)

        assert lose(frozen, claimed) == [State.READY]
        job = record(frozen, id)
        assert (job.state, job.failure, job.reason) == (State.READY, None, None)
        assert (job.attempt, job.tries, job.lost) == (1, 0, 0)
        assert (job.worker_id, job.claimed_at, job.eligible_at) == (None, None, clock.at)
        assert job.worker_ids == [WORKER]
        assert job.errors == ((JOB_LOST, f"Worker {WORKER} {KILLED} while it ran the job."),)
        assert job.parked_for == ("suspect" if place.sets_apart else None)

    def test_what_the_fence_does_not_allow_is_refused(self, store: Store) -> None:
        gone, held, other = insert_many(store, 3)
        first, second = claim(store, 2)
        third = claim_one(store, OTHER)
        finish(store, success(first))
        fences = [
            Fence(first.seq, 1), Fence(second.seq, 2), Fence(third.seq, 1),
            Fence(second.seq, 1), Fence(second.seq, 1), Fence(2**40, 1),
        ]  # fmt: skip
        states = store.lose(WORKER, fences, KILLED, was_alone=True)

        assert states == [None, None, None, State.READY, None, None]
        assert [job.state for job in store.get([gone, held, other])] == [
            State.SUCCESSFUL, State.READY, State.RUNNING,
        ]  # fmt: skip
        assert (record(store, held).lost, record(store, other).lost) == (1, 0)

    def test_an_attempt_that_the_worker_held_before_is_not_taken_back(self, store: Store) -> None:
        id = insert(store)
        first = claim_one(store)
        finish(store, retry(first))
        second = claim_one(store)
        job = record(store, id)

        assert lose(store, first, was_alone=True) == [None]
        assert record(store, id) == job
        assert finish(store, success(second)) == [State.SUCCESSFUL]

    def test_losing_twice_is_harmless(self, store: Store) -> None:
        id = insert(store, max_tries=5)
        claimed = claim_one(store)

        assert lose(store, claimed, was_alone=True) == [State.READY]
        job = record(store, id)
        assert lose(store, claimed, was_alone=True) == [None]
        assert finish(store, success(claimed)) == [None]
        assert record(store, id) == job
        assert store.lose(WORKER, [], KILLED, was_alone=True) == []

    def test_many_jobs_are_lost_at_once(self, store: Store) -> None:
        insert_many(store, 700)
        claims = claim(store, 700)

        assert lose(store, *reversed(claims)) == [State.READY] * 700

    @pytest.mark.parametrize("was_alone", [True, False])
    def test_a_death_counts_as_lost_only_where_nothing_else_ran(
        self, store: Store, was_alone: bool
    ) -> None:
        id = insert(store)
        lose(store, claim_one(store), was_alone=was_alone)

        assert record(store, id).lost == was_alone
        assert record(store, id).tries == 0

    def test_a_job_fails_as_lost_once_it_took_down_max_lost_workers_alone(
        self, place: Place
    ) -> None:
        store = place.open(max_lost=3)
        id = insert(store)
        states = []
        for was_alone in (False, False, True, False, True, True):
            (claimed,) = claim(store, suspects=store.has_suspects())
            states += lose(store, claimed, was_alone=was_alone)
        job = record(store, id)

        assert states == [State.READY] * 5 + [State.FAILED]
        assert (job.failure, job.lost, job.attempt) == (Failure.LOST, 3, 6)
        assert job.reason == (
            "3 workers died while each ran this job alone, which is as many as MAX_LOST allows; "
            f"the last one {KILLED}."
        )
        assert job.finished_at is not None
        assert job.parked_for is None
        assert job.worker_ids == [WORKER] * 6
        assert [error.exception_class_path for error in job.errors] == [JOB_LOST] * 6
        assert not store.has_suspects()
        store.close()

    def test_max_lost_of_one_allows_no_death_alone(self, place: Place) -> None:
        store = place.open(max_lost=1)
        id = insert(store)
        assert lose(store, claim_one(store), was_alone=True) == [State.FAILED]

        reason = f"The worker {KILLED} while it ran this job alone, and MAX_LOST allows no more."
        assert record(store, id).reason == reason
        store.close()

    def test_every_death_is_a_try_where_tries_are_limited(self, store: Store) -> None:
        id = insert(store, max_tries=2)

        assert lose(store, claim_one(store)) == [State.READY]
        assert record(store, id).tries == 1
        (again,) = claim(store, suspects=store.has_suspects())
        assert lose(store, again) == [State.FAILED]
        job = record(store, id)
        assert (job.failure, job.tries, job.lost) == (Failure.LOST, 2, 0)
        assert job.reason == f"The worker {KILLED} in the last of 2 tries."

    def test_a_job_that_was_asked_to_stop_is_canceled(self, store: Store) -> None:
        id = insert(store, max_tries=1)
        claimed = claim_one(store)
        store.cancel([id])

        assert lose(store, claimed, was_alone=True) == [State.CANCELED]
        job = record(store, id)
        assert (job.failure, job.tries, job.lost) == (Failure.CANCELED, 1, 1)
        assert (job.worker_ids, job.parked_for) == ([WORKER], None)
        assert job.errors == ((JOB_LOST, f"Worker {WORKER} {KILLED} while it ran the job."),)
        assert not store.has_suspects()

    def test_a_start_that_was_noted_is_kept(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        store.note(WORKER, [Note(claimed.seq, 1, claimed.claimed_at)])
        lose(store, claimed)

        assert record(store, id).started_at == claimed.claimed_at

    def test_a_job_that_failed_as_lost_runs_again_as_any_other(self, place: Place) -> None:
        store = place.open(max_lost=1)
        id = insert(store)
        lose(store, claim_one(store), was_alone=True)
        store.retry([id])

        assert record(store, id).reason is None
        assert claim_one(store).id == id
        store.close()
