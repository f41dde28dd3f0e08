"""Promises of finish, release, note and held: fences, counts and history."""

from datetime import timedelta

from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.base import Store
from tests.stores.jobs import (
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
    state,
    success,
)


def tracebacks(store: Store, id: str) -> list[str]:
    """Return the last words of every error of a job."""
    return [error.traceback.split()[-1] for error in record(store, id).errors]


class Finishing:
    """How attempts end, and what no longer may."""

    def test_a_success_keeps_its_result_and_writes_no_history(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        ended = success(claimed, '{"a":[1,null]}', metadata='{"m":1}', progress='[1,2,""]')

        assert finish(store, ended) == [State.SUCCESSFUL]
        job = record(store, id)
        assert (job.state, job.result, job.is_ended) == (State.SUCCESSFUL, '{"a":[1,null]}', True)
        assert (job.attempt, job.tries, job.errors) == (1, 1, ())
        assert (job.failure, job.reason) == (None, None)
        assert job.worker_ids == [WORKER]
        assert (job.started_at, job.last_attempted_at) == (ended.started_at, ended.started_at)
        assert job.finished_at == ended.finished_at
        assert (job.metadata, job.progress_json) == ({"m": 1}, '[1,2,""]')
        assert store.held(WORKER) == []

    def test_what_an_outcome_does_not_tell_stays(self, store: Store) -> None:
        id = insert(store, metadata='{"m":1}')
        finish(store, success(claim_one(store)))

        assert record(store, id).metadata == {"m": 1}

    def test_a_failure_keeps_its_reason_and_error(self, store: Store) -> None:
        id = insert(store)
        ended = failure(claim_one(store), "gone", failure=Failure.REJECTED)

        assert finish(store, ended) == [State.FAILED]
        job = record(store, id)
        assert (job.state, job.failure, job.reason) == (State.FAILED, Failure.REJECTED, "gone")
        assert job.errors == (error_of("gone"),)
        assert (job.tries, job.result, job.worker_ids) == (1, None, [WORKER])

    def test_an_attempt_that_never_started_is_not_listed(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        finish(store, failure(claimed, failure=Failure.UNLOADABLE, started_at=None))
        job = record(store, id)

        assert (job.failure, job.worker_ids) == (Failure.UNLOADABLE, [])
        assert (job.started_at, job.last_attempted_at) == (None, None)
        assert job.finished_at is not None

    def test_ctx_lives_on_with_the_job_whatever_becomes_of_its_attempts(self, store: Store) -> None:
        id = insert(store)
        first = claim_one(store)
        assert first.ctx is None
        finish(store, retry(first, ctx='{"n":1}'))
        # An outcome that does not tell of it leaves it as it is.
        second = claim_one(store)
        finish(store, retry(second))
        third = claim_one(store)
        finish(store, outcome(third, Verdict.RELEASED, started_at=None, ctx='{"n":3}'))
        fourth = claim_one(store)
        finish(store, failure(fourth, ctx='{"n":4}'))
        store.retry([id])
        fifth = claim_one(store)
        finish(store, retry(fifth, delay=3600, ctx='{"n":"\\u0000"}'))
        store.run_now([id])
        sixth = claim_one(store)
        finish(store, success(sixth))

        claims = [second, third, fourth, fifth, sixth]
        texts = ['{"n":1}', '{"n":1}', '{"n":3}', '{"n":4}', '{"n":"\\u0000"}']
        assert [claimed.ctx for claimed in claims] == texts

    def test_ctx_outlives_a_cancel_and_a_lost_worker_and_is_not_copied(self, store: Store) -> None:
        id = insert(store)
        finish(store, retry(claim_one(store), ctx='{"n":1}'))
        lose(store, claim_one(store))
        # A durable store sets it apart, as it may be what killed its worker.
        (lost,) = claim(store) or claim(store, suspects=True)
        assert lost.ctx == '{"n":1}'
        store.cancel([id])
        assert finish(store, retry(lost, ctx='{"n":2}')) == [State.CANCELED]
        store.requeue([id])
        copy = claim_one(store)
        assert (copy.id != id, copy.ctx) == (True, None)
        store.retry([id])
        assert claim_one(store).ctx == '{"n":2}'

    def test_a_retry_without_delay_is_ready_at_once(self, store: Store) -> None:
        id = insert(store)

        assert finish(store, retry(claim_one(store))) == [State.READY]
        job = record(store, id)
        assert (job.state, job.attempt, job.tries) == (State.READY, 1, 1)
        assert (job.worker_id, job.claimed_at, job.finished_at) == (None, None, None)
        assert (job.failure, job.due_at) == (None, None)
        assert claim_one(store).id == id

    def test_a_retry_with_delay_waits_from_the_write_on(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)

        assert finish(store, retry(claimed, delay=3600)) == [State.SCHEDULED]
        job = record(store, id)
        assert job.due_at is not None
        assert job.due_at - claimed.claimed_at >= timedelta(seconds=3600)
        assert job.due_at - claimed.claimed_at < timedelta(seconds=3700)
        assert (job.worker_id, job.finished_at, job.run_after) == (None, None, None)
        assert claim(store) == []

    def test_every_failed_try_is_kept_and_shown_after_a_success(self, store: Store) -> None:
        id = insert(store)
        first = claim_one(store)
        finish(store, retry(first, text="one"))
        finish(store, retry(claim_one(store, OTHER), text="two"), worker=OTHER)
        last = claim_one(store)
        finish(store, success(last, "42"))
        job = record(store, id)

        assert tracebacks(store, id) == ["one", "two"]
        assert job.worker_ids == [WORKER, OTHER, WORKER]
        assert (job.state, job.result, job.reason) == (State.SUCCESSFUL, "42", None)
        assert (job.attempt, job.tries, job.lost) == (3, 3, 0)
        assert job.started_at == first.claimed_at
        assert job.last_attempted_at == last.claimed_at

    def test_a_batch_may_hold_every_kind_of_outcome(self, store: Store) -> None:
        ids = insert_many(store, 5)
        good, bad, again, later, back = claim(store, 5)
        states = finish(
            store,
            success(good),
            failure(bad),
            retry(again),
            retry(later, delay=60),
            outcome(back, Verdict.RELEASED),
        )

        assert states == [State.SUCCESSFUL, State.FAILED, State.READY, State.SCHEDULED, State.READY]
        assert [job.state for job in store.get(ids)] == states

    def test_good_and_refused_outcomes_of_a_batch_do_not_mix(self, store: Store) -> None:
        ids = insert_many(store, 4)
        first, second, third, fourth = claim(store, 4)
        store.release(WORKER, [Fence(second.seq, second.attempt)])
        stranger = success(third)._replace(seq=third.seq + 1_000_000)
        states = finish(
            store, success(fourth, "4"), success(second), stranger, failure(first), success(third)
        )

        assert states == [State.SUCCESSFUL, None, None, State.FAILED, State.SUCCESSFUL]
        assert [job.state for job in store.get(ids)] == [
            State.FAILED, State.READY, State.SUCCESSFUL, State.SUCCESSFUL,
        ]  # fmt: skip

    def test_finishing_nothing_does_nothing(self, store: Store) -> None:
        assert finish(store) == []

    def test_another_workers_outcome_is_refused(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)

        assert finish(store, success(claimed), worker=OTHER) == [None]
        assert state(store, id) == State.RUNNING
        assert finish(store, success(claimed)) == [State.SUCCESSFUL]

    def test_a_late_outcome_is_refused_and_the_next_attempt_untouched(self, store: Store) -> None:
        id = insert(store)
        late = claim_one(store)
        store.release(WORKER, [Fence(late.seq, late.attempt)])
        assert finish(store, success(late, "1")) == [None]
        current = claim_one(store)

        assert finish(store, failure(late)) == [None]
        assert state(store, id) == State.RUNNING
        assert finish(store, success(current, "2")) == [State.SUCCESSFUL]
        job = record(store, id)
        assert (job.result, job.tries, job.errors) == ("2", 1, ())

    def test_a_batch_that_is_sent_again_changes_nothing(self, store: Store) -> None:
        ids = insert_many(store, 3)
        good, bad, again = claim(store, 3)
        batch = [success(good), failure(bad), retry(again, delay=60)]
        finish(store, *batch)
        before = store.get(ids)

        assert finish(store, *batch) == [None, None, None]
        assert finish(store, *reversed(batch)) == [None, None, None]
        assert store.get(ids) == before

    def test_an_outcome_given_twice_in_a_batch_counts_once(self, store: Store) -> None:
        id = insert(store)
        ended = retry(claim_one(store))

        assert finish(store, ended, ended) == [State.READY, None]
        job = record(store, id)
        assert (job.tries, len(job.errors)) == (1, 1)

    def test_acknowledgements_out_of_order_and_repeated_keep_the_counts(self, store: Store) -> None:
        id = insert(store, max_tries=9)
        sent = []
        for n in range(4):
            claimed = claim_one(store)
            sent.append(retry(claimed, text=str(n)))
            finish(store, *reversed(sent))
            finish(store, *sent)
        finish(store, success(claim_one(store)))
        finish(store, *sent)
        job = record(store, id)

        assert tracebacks(store, id) == ["0", "1", "2", "3"]
        assert (job.state, job.attempt, job.tries, job.lost) == (State.SUCCESSFUL, 5, 5, 0)
        assert len(job.worker_ids) == 5

    def test_a_release_costs_nothing_but_the_attempt(self, store: Store) -> None:
        id = insert(store)
        before = record(store, id)
        claimed = claim_one(store)

        assert store.release(WORKER, [Fence(claimed.seq, claimed.attempt)]) == 1
        job = record(store, id)
        assert (job.state, job.attempt, job.tries, job.lost) == (State.READY, 1, 0, 0)
        assert (job.worker_id, job.claimed_at, job.started_at) == (None, None, None)
        assert (job.errors, job.worker_ids) == ((), [])
        assert job.eligible_at == before.eligible_at
        assert claim_one(store).attempt == 2

    def test_an_attempt_that_ends_as_released_is_free_too(self, store: Store) -> None:
        id = insert(store)
        before = record(store, id)
        claimed = claim_one(store)

        assert finish(store, outcome(claimed, Verdict.RELEASED, started_at=None)) == [State.READY]
        job = record(store, id)
        assert (job.attempt, job.tries, job.errors, job.worker_ids) == (1, 0, (), [])
        assert job.eligible_at == before.eligible_at
        assert job.started_at is None

    def test_a_released_job_keeps_its_place_in_the_lane(self, store: Store) -> None:
        ids = insert_many(store, 3)
        claimed = claim_one(store)
        store.release(WORKER, [Fence(claimed.seq, claimed.attempt)])

        assert [item.id for item in claim(store, 3)] == ids

    def test_only_what_a_worker_holds_is_released(self, store: Store) -> None:
        insert_many(store, 2)
        first, second = claim(store, 2)
        finish(store, success(first))
        fences = [
            Fence(first.seq, first.attempt),
            Fence(second.seq, second.attempt + 1),
            Fence(second.seq + 1_000_000, 1),
        ]

        assert store.release(WORKER, fences) == 0
        assert store.release(OTHER, [Fence(second.seq, second.attempt)]) == 0
        assert store.release(WORKER, []) == 0
        assert store.held(WORKER) == [Fence(second.seq, second.attempt)]

    def test_a_worker_finds_what_it_holds(self, store: Store) -> None:
        insert_many(store, 3)
        claims = claim(store, 2)
        claim_one(store, OTHER)

        held = store.held(WORKER)
        assert sorted(held) == [Fence(item.seq, item.attempt) for item in claims]
        assert store.held("nobody") == []

    def test_notes_are_kept_while_the_job_runs(self, store: Store) -> None:
        id = insert(store)
        claimed = claim_one(store)
        at = claimed.claimed_at + timedelta(seconds=1)
        fence = (claimed.seq, claimed.attempt)

        assert store.note(WORKER, [Note(*fence, at, '[1,2,"half"]', '{"m":1}')]) == 1
        assert store.note(WORKER, [Note(*fence, progress="[2,2,null]")]) == 1
        job = record(store, id)
        assert (job.started_at, job.last_attempted_at) == (at, at)
        assert (job.progress_json, job.metadata) == ("[2,2,null]", {"m": 1})
        assert (job.state, job.attempt, job.tries) == (State.RUNNING, 1, 0)

    def test_notes_are_fenced(self, store: Store) -> None:
        id = insert(store)
        late = claim_one(store)
        note = Note(late.seq, late.attempt, late.claimed_at, "[1,1,null]", '{"late":1}')
        assert store.note(OTHER, [note]) == 0
        store.release(WORKER, [Fence(late.seq, late.attempt)])
        claim_one(store)

        assert store.note(WORKER, [note]) == 0
        assert store.note(WORKER, []) == 0
        job = record(store, id)
        assert (job.started_at, job.progress_json, job.metadata) == (None, None, {})

    def test_an_empty_note_is_answered(self, store: Store) -> None:
        insert(store)
        claimed = claim_one(store)

        assert store.note(WORKER, [Note(claimed.seq, claimed.attempt)]) == 1
