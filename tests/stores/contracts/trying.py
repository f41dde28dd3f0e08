"""Promises of history: what is kept of each attempt, its log with it, and how much of that."""

import json
from datetime import timedelta

import pytest

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.reasons import CANCELED_RUNNING, JOB_CANCELED, JOB_LOST
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import (
    KILLED,
    OTHER,
    WORKER,
    claim,
    claim_one,
    error_of,
    failure,
    finish,
    insert,
    insert_many,
    lose,
    outcome,
    record,
    retry,
    success,
)

# What a job is known to keep: how it began, and how it goes on.
FIRST, LAST = 5, 45


def attempts(store: Store, id: str) -> tuple[AttemptRecord, ...]:
    """Return what is kept of a job's attempts."""
    (found,) = store.history([id])
    return found.attempts


def fail_often(store: Store, times: int) -> None:
    """Have the one job there is fail, each time with the number of the attempt."""
    for _ in range(times):
        claimed = claim_one(store)
        finish(store, retry(claimed, text=str(claimed.attempt)))


class Trying:
    """What a store tells of the attempts of a job."""

    def test_each_kind_of_end_is_kept_with_its_log(self, store: Store) -> None:
        id = insert(store)
        first = claim_one(store)
        failed = retry(first, text="one", log="said one")
        finish(store, failed)
        second = claim_one(store, OTHER)
        succeeded = success(second, log="said two\nlines ☃")
        finish(store, succeeded, worker=OTHER)

        assert attempts(store, id) == (
            AttemptRecord(
                1, WORKER, "retry", None, "one", *error_of("one"), "said one",
                failed.started_at, failed.finished_at,
            ),
            AttemptRecord(
                2, OTHER, "succeeded", None, None, None, None, "said two\nlines ☃",
                succeeded.started_at, succeeded.finished_at,
            ),
        )  # fmt: skip
        assert record(store, id).errors == (error_of("one"),)

    def test_a_last_failure_tells_its_kind(self, store: Store) -> None:
        id = insert(store)
        ended = failure(claim_one(store), "too long", failure=Failure.TIMEOUT, log="slow\n" * 9)
        finish(store, ended)

        (kept,) = attempts(store, id)
        assert (kept.verdict, kept.failure, kept.reason) == ("failed", Failure.TIMEOUT, "too long")
        assert (kept.error, kept.log) == (error_of("too long"), "slow\n" * 9)

    def test_a_first_success_is_kept_where_it_logged_and_only_there(self, store: Store) -> None:
        silent, loud = insert_many(store, 2)
        first, second = claim(store, 2)
        assert finish(store, success(first), success(second, "7", log="said")) == [
            State.SUCCESSFUL, State.SUCCESSFUL,
        ]  # fmt: skip

        assert attempts(store, silent) == ()
        (kept,) = attempts(store, loud)
        assert (kept.attempt, kept.verdict, kept.log, kept.error) == (1, "succeeded", "said", None)
        job = record(store, loud)
        assert (job.state, job.result, job.tries, job.errors) == (State.SUCCESSFUL, "7", 1, ())

    def test_a_canceled_attempt_keeps_its_log(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        store.cancel([id])
        ended = retry(claimed, text="stopped", log="said")

        assert finish(store, ended) == [State.CANCELED]
        (kept,) = attempts(store, id)
        assert (kept.verdict, kept.failure, kept.reason, kept.log) == (
            "canceled", Failure.CANCELED, CANCELED_RUNNING, "said",
        )  # fmt: skip
        assert kept.error == (JOB_CANCELED, error_of("stopped").traceback)

    def test_a_canceled_job_that_never_started_says_so(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        id = insert(frozen)
        claimed = claim_one(frozen)
        frozen.cancel([id])
        clock.move(5)
        frozen.release(WORKER, [Fence(claimed.seq, claimed.attempt)])

        assert attempts(frozen, id) == (
            AttemptRecord(
                1, WORKER, "canceled", Failure.CANCELED, CANCELED_RUNNING, JOB_CANCELED,
                CANCELED_RUNNING, None, None, clock.at,
            ),
        )  # fmt: skip

    @pytest.mark.parametrize("is_noted", [False, True])
    def test_a_lost_attempt_has_no_log(
        self, frozen: Store, clock: FrozenClock, is_noted: bool
    ) -> None:
        id = insert(frozen)
        claimed = claim_one(frozen)
        started_at = claimed.claimed_at + timedelta(seconds=1) if is_noted else None
        frozen.note(WORKER, [Note(claimed.seq, claimed.attempt, started_at)])
        clock.move(5)
        lose(frozen, claimed)
        told = f"Worker {WORKER} {KILLED} while it ran the job."

        assert attempts(frozen, id) == (
            AttemptRecord(
                1, WORKER, "lost", Failure.LOST, told, JOB_LOST, told, None, started_at, clock.at
            ),
        )
        assert record(frozen, id).errors == ((JOB_LOST, told),)

    def test_what_was_given_back_is_no_attempt_to_keep(self, store: Store) -> None:
        id = insert(store)
        finish(store, outcome(claim_one(store), Verdict.RELEASED, started_at=None, log="said"))
        assert attempts(store, id) == ()
        finish(store, success(claim_one(store)))

        (kept,) = attempts(store, id)
        assert (kept.attempt, kept.verdict) == (2, "succeeded")

    def test_a_retry_by_hand_keeps_the_attempts_and_their_logs(self, store: Store) -> None:
        id = insert(store)
        finish(store, failure(claim_one(store), "one", log="said one"))
        store.retry([id])
        assert [kept.log for kept in attempts(store, id)] == ["said one"]
        finish(store, success(claim_one(store), log="said two"))

        assert [kept.log for kept in attempts(store, id)] == ["said one", "said two"]
        assert record(store, id).errors == (error_of("one"),)

    def test_get_and_find_read_no_attempts(self, store: Store) -> None:
        id = insert(store)
        finish(store, failure(claim_one(store), log="said"))

        assert record(store, id).attempts == ()
        assert record(store, id).errors == (error_of("no"),)

    def test_the_history_of_many_jobs_comes_in_the_order_asked(self, store: Store) -> None:
        ids = insert_many(store, 3)
        first, second, _ = claim(store, 3)
        finish(store, success(first), failure(second, log="said"))
        asked = [ids[2], ids[1], ids[0], ids[1][:-1] + "x"]

        found = store.history(asked)
        assert [job.id for job in found] == asked[:3]
        assert [len(job.attempts) for job in found] == [0, 1, 0]
        assert [job.errors for job in found] == [(), (error_of("no"),), ()]
        assert store.history([]) == []

    def test_a_job_that_fails_for_ever_keeps_its_first_and_last_attempts(
        self, store: Store
    ) -> None:
        id = insert(store)
        other = insert(store, queue="other")
        (held,) = claim(store, queues=("other",))
        fail_often(store, FIRST + LAST)
        assert len(attempts(store, id)) == FIRST + LAST
        fail_often(store, 7)

        total = FIRST + LAST + 7
        expected = [*range(1, FIRST + 1), *range(total - LAST + 1, total + 1)]
        assert [kept.attempt for kept in attempts(store, id)] == expected
        assert [kept.reason for kept in attempts(store, id)] == list(map(str, expected))
        job = record(store, id)
        assert (job.tries, len(job.errors)) == (total, FIRST + LAST)
        assert len(claim_one(store).errors) == FIRST + LAST
        finish(store, failure(held, "of another", log="said"))
        assert [kept.log for kept in attempts(store, other)] == ["said"]

    def test_attempts_given_back_do_not_push_others_out(self, store: Store) -> None:
        id = insert(store)
        fail_often(store, 1)
        for _ in range(FIRST + LAST):
            claimed = claim_one(store)
            store.release(WORKER, [Fence(claimed.seq, claimed.attempt)])
        fail_often(store, 6)

        kept = [attempt.attempt for attempt in attempts(store, id)]
        assert kept == [1, *range(FIRST + LAST + 2, FIRST + LAST + 8)]

    def test_a_lost_attempt_counts_as_one_of_the_last(self, store: Store) -> None:
        id = insert(store)
        fail_often(store, FIRST + LAST)
        lose(store, claim_one(store))

        kept = attempts(store, id)
        assert [attempt.attempt for attempt in kept[FIRST - 1 : FIRST + 1]] == [FIRST, FIRST + 2]
        assert (len(kept), kept[-1].verdict) == (FIRST + LAST, "lost")

    def test_history_is_plain_json_for_the_wire(self, store: Store) -> None:
        id = insert(store)
        finish(store, failure(claim_one(store), log="said"))
        (kept,) = attempts(store, id)

        written = json.loads(json.dumps(kept, default=str))
        assert written[2:4] == ["failed", "error"]
        assert type(kept.verdict) is str
