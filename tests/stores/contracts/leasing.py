"""Promises of join, heartbeat, forget and reap."""

import json
from datetime import timedelta

from django_taskq.jobs.assignment import Assignment
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Note
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.jobs.workers import Pulse, WorkerInfo
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.deadlines import wait_until
from tests.stores.jobs import (
    OTHER,
    WORKER,
    claim,
    claim_one,
    finish,
    insert,
    insert_many,
    join,
    record,
    retry,
    state,
    success,
)
from tests.stores.places import Place

LEASE = 30.0


def mark_started(store: Store, claimed: Claim) -> None:
    """Have the store know that the function of a claim has started."""
    assert store.note(claimed.worker_id, [Note(claimed.seq, claimed.attempt, claimed.claimed_at)])


class Leasing:
    """How workers come and go, and what becomes of the jobs of those that die."""

    def test_a_worker_is_known_with_what_it_says_of_itself(self, store: Store) -> None:
        store.join(WorkerInfo(WORKER, "mail-1", "node7", 4711, ("a", "b"), 4, 10, True, 4700))
        insert(store)
        claim_one(store)
        (worker,) = store.insights().workers

        assert (worker.id, worker.name, worker.host, worker.pid) == (
            WORKER,
            "mail-1",
            "node7",
            4711,
        )
        assert worker.queues == ("a", "b")
        assert (worker.is_alive, worker.running) == (True, 1)
        assert (worker.is_solo, worker.supervisor_pid) == (True, 4700)
        assert worker.started_at <= worker.beat_at < worker.expires_at

    def test_a_worker_is_known_with_whom_it_serves(self, store: Store) -> None:
        assignment = Assignment(("", "acme"), 70, is_stealing_from_all=True)
        store.join(WorkerInfo(WORKER, "mail-1", "node7", 4711, assignment=assignment))
        (worker,) = store.insights().workers
        assert worker.assignment == assignment
        # It may come back under its id as one that serves everybody.
        join(store)
        (worker,) = store.insights().workers
        assert worker.assignment is None

    def test_a_worker_nobody_knows_has_no_lease(self, store: Store) -> None:
        assert not store.heartbeat("nobody").is_alive

    def test_a_heartbeat_renews_the_lease(self, frozen: Store, clock: FrozenClock) -> None:
        join(frozen)
        id = insert(frozen)
        claimed = claim_one(frozen)
        for _ in range(5):
            clock.move(LEASE * 0.9)
            beat = frozen.heartbeat(WORKER)
            assert beat.is_alive
            assert not beat.is_stop_asked
            assert frozen.reap() == Reaped()
        assert state(frozen, id) == State.RUNNING
        assert finish(frozen, success(claimed)) == [State.SUCCESSFUL]

    def test_a_live_worker_that_is_asked_to_stop_hears_of_it_at_each_heartbeat(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        join(frozen, OTHER)
        if frozen.is_local:
            # Workers of a pool stop with the process whose pool it is.
            assert frozen.ask_stop([WORKER]) == []
            return
        assert frozen.ask_stop([WORKER, "nobody"]) == [WORKER]
        assert frozen.ask_stop([WORKER]) == [WORKER]
        assert frozen.ask_stop([]) == []
        asked = {worker.id: worker.is_stop_asked for worker in frozen.insights().workers}
        assert asked == {WORKER: True, OTHER: False}
        for _ in range(2):
            clock.move(1)
            assert frozen.heartbeat(WORKER).is_stop_asked
            assert not frozen.heartbeat(OTHER).is_stop_asked
        # Under a new life it was never asked.
        join(frozen)
        assert not frozen.heartbeat(WORKER).is_stop_asked

    def test_a_worker_whose_lease_is_over_is_not_asked_to_stop(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        clock.move(LEASE + 1)
        assert frozen.ask_stop([WORKER]) == []

    def test_a_worker_counts_as_advancing_from_the_moment_it_joins(self, store: Store) -> None:
        join(store)
        (worker,) = store.insights().workers
        assert (worker.progress_at, worker.memory) == (worker.beat_at, None)
        assert not worker.stall

    def test_a_pulse_tells_since_when_the_claim_loop_stands_still(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        clock.move(9)
        assert frozen.heartbeat(WORKER, Pulse(7.5, 50_000_000)).is_alive
        (worker,) = frozen.insights().workers
        assert worker.beat_at == clock.at
        assert worker.progress_at == clock.at - timedelta(seconds=7.5)
        assert worker.stall == timedelta(seconds=7.5)
        assert worker.memory == 50_000_000

        clock.move(9)
        frozen.heartbeat(WORKER, Pulse(0.0, 60_000_000))
        (worker,) = frozen.insights().workers
        assert (worker.progress_at, worker.memory) == (clock.at, 60_000_000)

    def test_who_beats_for_a_worker_that_cannot_tells_nothing_of_its_progress(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        frozen.heartbeat(WORKER, Pulse(2.0, 50_000_000))
        clock.move(20)
        assert frozen.heartbeat(WORKER).is_alive
        (worker,) = frozen.insights().workers
        assert (worker.beat_at, worker.memory) == (clock.at, 50_000_000)
        assert worker.stall == timedelta(seconds=22)

    def test_the_pulse_of_a_worker_that_is_given_up_is_refused(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        clock.move(LEASE + 1)
        frozen.reap()
        assert not frozen.heartbeat(WORKER, Pulse(0.0, 1)).is_alive

    def test_a_worker_that_leaves_gives_its_jobs_back_free(self, store: Store) -> None:
        join(store)
        ids = insert_many(store, 3)
        claims = claim(store, 2)
        mark_started(store, claims[0])

        assert store.forget(WORKER) == 2
        assert [job.state for job in store.get(ids)] == [State.READY] * 3
        assert {(job.tries, job.lost) for job in store.get(ids)} == {(0, 0)}
        assert store.insights().workers == ()
        assert not store.heartbeat(WORKER).is_alive
        assert finish(store, success(claims[0])) == [None]
        assert store.forget(WORKER) == 0

    def test_a_job_merely_claimed_comes_back_free_from_a_dead_worker(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        id = insert(frozen, max_tries=1)
        late = claim_one(frozen)
        clock.move(LEASE + 1)

        assert frozen.reap() == Reaped((WORKER,), released=1)
        job = record(frozen, id)
        assert (job.state, job.attempt, job.tries, job.lost) == (State.READY, 1, 0, 0)
        assert (job.worker_ids, job.errors, job.worker_id) == ([], (), None)
        assert finish(frozen, success(late)) == [None]
        assert not frozen.heartbeat(WORKER).is_alive
        assert frozen.reap() == Reaped()

    def test_a_dead_worker_takes_only_its_own_jobs_along(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        join(frozen, OTHER)
        dead, alive = insert_many(frozen, 2)
        claim_one(frozen)
        claim_one(frozen, OTHER)
        clock.move(LEASE - 1)
        frozen.heartbeat(OTHER)
        clock.move(2)

        assert frozen.reap().workers == (WORKER,)
        assert (state(frozen, dead), state(frozen, alive)) == (State.READY, State.RUNNING)
        alive_ids = [worker.id for worker in frozen.insights().workers if worker.is_alive]
        assert alive_ids == [OTHER]

    def test_a_job_that_a_dead_worker_had_started_comes_back_as_a_suspect(
        self, place: Place, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        id = insert(frozen)
        mark_started(frozen, claim_one(frozen))
        clock.move(LEASE + 1)

        apart = place.sets_apart
        assert frozen.reap() == Reaped((WORKER,), released=not apart, suspects=apart)
        job = record(frozen, id)
        assert (job.state, job.attempt, job.tries, job.lost) == (State.READY, 1, 0, 0)
        assert job.worker_ids == [WORKER]
        assert job.started_at is not None
        assert job.errors[0].traceback == (
            f"Worker {WORKER} was silent for longer than its lease while it ran the job."
        )
        assert frozen.has_suspects() == apart
        (again,) = claim(frozen, worker=OTHER, suspects=apart)
        assert (again.lost, again.tries) == (0, 0)
        assert json.loads(again.worker_ids or "[]") == [WORKER]

    def test_the_job_of_a_solo_worker_counts_as_started(
        self, place: Place, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen, is_solo=True)
        id = insert(frozen, max_tries=2)
        claim_one(frozen)
        clock.move(LEASE + 1)

        assert frozen.reap().suspects == place.sets_apart
        job = record(frozen, id)
        assert (job.state, job.tries, job.lost) == (State.READY, 1, 1)
        assert job.worker_ids == [WORKER]

    def test_a_start_known_of_an_earlier_attempt_does_not_count(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        id = insert(frozen)
        finish(frozen, retry(claim_one(frozen)))
        clock.move(1)
        claim_one(frozen)
        clock.move(LEASE + 1)
        frozen.reap()

        assert (record(frozen, id).lost, record(frozen, id).tries) == (0, 1)

    def test_a_job_that_solo_workers_fell_silent_over_fails_as_lost_at_max_lost(
        self, place: Place, clock: FrozenClock
    ) -> None:
        store = place.open(clock, max_lost=2)
        id = insert(store)
        for expected in (State.READY, State.FAILED):
            join(store, is_solo=True)
            claim(store, suspects=store.has_suspects())
            clock.move(LEASE + 1)
            reaped = store.reap()
            assert state(store, id) == expected
        job = record(store, id)

        assert reaped == Reaped((WORKER,), failed=(id,))
        assert (job.failure, job.lost, job.tries) == (Failure.LOST, 2, 0)
        assert job.finished_at is not None
        assert job.worker_ids == [WORKER, WORKER]
        store.close()

    def test_a_lost_job_that_was_asked_to_stop_is_canceled(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        started, claimed_only = insert_many(frozen, 2)
        claims = claim(frozen, 2)
        mark_started(frozen, claims[0])
        frozen.cancel([started, claimed_only])
        clock.move(LEASE + 1)
        reaped = frozen.reap()

        assert sorted(reaped.canceled) == sorted([started, claimed_only])
        assert reaped._replace(canceled=()) == Reaped((WORKER,))
        for job in frozen.get([started, claimed_only]):
            assert (job.state, job.failure) == (State.CANCELED, Failure.CANCELED)

    def test_what_a_worker_claimed_after_its_lease_was_taken_is_found_too(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        clock.move(LEASE + 1)
        frozen.reap()
        id = insert(frozen)
        claim_one(frozen)

        assert frozen.reap().released == 1
        assert state(frozen, id) == State.READY

    def test_a_worker_may_join_again_under_another_id(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        join(frozen)
        clock.move(LEASE + 1)
        frozen.reap()
        join(frozen, OTHER)

        assert frozen.heartbeat(OTHER).is_alive
        assert not frozen.heartbeat(WORKER).is_alive

    def test_a_lease_runs_out_by_the_stores_own_clock(self, place: Place) -> None:
        store = place.open(lease=0.2)
        join(store)
        id = insert(store)
        claim_one(store)
        wait_until(lambda: store.reap().workers, what="the lease to run out")

        assert state(store, id) == State.READY
        store.close()
