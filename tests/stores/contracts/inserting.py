"""Promises of insert, get, find, requeue and delete."""

from datetime import timedelta

from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import ENDED, Failure, State
from django_taskq.stores.base import Store
from tests.stores.jobs import (
    TASK,
    bring,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    now_of,
    past,
    record,
    retry,
    spec,
    state,
    success,
)
from tests.stores.places import Place


class Inserting:
    """How jobs come in, are looked at, copied and deleted."""

    def test_what_was_inserted_can_be_read_back(self, store: Store) -> None:
        given = JobSpec(
            id=new_id(),
            task="shop.tasks.pay",
            args='[1,"\\u0000 \\ud800"]',
            kwargs='{"b":1,"a":2}',
            queue="mail",
            tenant="acme",
            priority=-7,
            max_tries=3,
            metadata='{"z":1}',
            options='{"o":1}',
        )
        (inserted,) = store.insert([given])
        job = record(store, given.id)

        assert inserted == Inserted(given.id, job.enqueued_at)
        assert job.backend == store.alias
        assert (job.task, job.args, job.kwargs) == (given.task, given.args, given.kwargs)
        assert (job.queue, job.tenant, job.priority) == ("mail", "acme", -7)
        assert (job.metadata_json, job.options, job.max_tries) == ('{"z":1}', '{"o":1}', 3)
        assert (job.state, job.attempt, job.tries, job.lost) == (State.READY, 0, 0, 0)
        assert job.eligible_at == job.enqueued_at
        assert job.enqueued_at.tzinfo is not None
        for unknown in ("failure", "reason", "run_after", "due_at", "claimed_at", "started_at",
                        "last_attempted_at", "finished_at", "cancel_asked_at", "worker_id",
                        "result", "progress_json"):  # fmt: skip
            assert getattr(job, unknown) is None, unknown
        assert (job.worker_ids, job.errors) == ([], ())

    def test_many_are_inserted_in_order_with_one_time(self, store: Store) -> None:
        specs = [spec() for _ in range(1203)]
        inserted = store.insert(specs)

        assert [item.id for item in inserted] == [item.id for item in specs]
        assert len({item.enqueued_at for item in inserted}) == 1
        claimed = claim(store, 2000)
        assert [item.id for item in claimed] == [item.id for item in specs]

    def test_inserting_nothing_does_nothing(self, store: Store) -> None:
        assert store.insert([]) == []

    def test_a_time_to_come_schedules_and_a_time_gone_by_is_ready(self, store: Store) -> None:
        at = now_of(store) + timedelta(hours=1)
        later, now = insert(store, run_after=at), insert(store, run_after=past())

        assert (state(store, later), state(store, now)) == (State.SCHEDULED, State.READY)
        scheduled = record(store, later)
        assert (scheduled.run_after, scheduled.due_at) == (at, at)
        assert scheduled.eligible_at is None
        assert record(store, now).eligible_at is not None
        assert [item.id for item in claim(store, 5)] == [now]

    def test_jobs_are_returned_in_the_order_asked_and_unknown_ones_left_out(
        self, store: Store
    ) -> None:
        first, second = insert_many(store, 2)
        asked = [second, new_id(), "123", first]

        assert [job.id for job in store.get(asked)] == [second, first]
        assert store.get([]) == []

    def test_another_alias_does_not_see_the_jobs(self, place: Place, store: Store) -> None:
        id = insert(store)
        other = place.open()
        try:
            assert other.get([id]) == []
            assert claim(other) == []
            assert other.find(JobFilter()) == []
            assert other.cancel([id])[0].before is None
            assert other.insights().depth() == 0
        finally:
            other.close()
        assert state(store, id) == State.READY

    def test_find_returns_the_newest_that_match_first(self, store: Store) -> None:
        old = insert(store, queue="mail", tenant="acme")
        new = insert(store, queue="mail")
        insert(store)
        done = insert(store, task="shop.tasks.pay", priority=100)
        finish(store, success(claim_one(store)))

        def ids(**wanted: object) -> list[str]:
            return [job.id for job in store.find(JobFilter(**wanted))]  # type: ignore[arg-type]

        assert ids(queue="mail") == [new, old]
        assert ids(queue="mail", tenant="acme") == [old]
        assert ids(state=State.SUCCESSFUL) == [done]
        assert ids(task="shop.tasks.pay") == [done]
        assert ids(limit=2)[0] == done
        assert len(ids(limit=2)) == 2
        assert ids(task=TASK, queue="nowhere") == []

    def test_a_copy_runs_now_with_tries_and_history_of_its_own(self, store: Store) -> None:
        id = insert(store, queue="mail", tenant="acme", priority=5, args="[1]", max_tries=4,
                    metadata='{"a":1}', options='{"o":1}', run_after=past())  # fmt: skip
        finish(store, retry(claim_one(store)))
        finish(store, failure(claim_one(store)))
        (inserted,) = store.requeue([id])
        copy, original = record(store, inserted.id), record(store, id)

        assert inserted.id != id
        for same in ("task", "args", "kwargs", "queue", "tenant", "priority", "max_tries",
                     "metadata_json", "options"):  # fmt: skip
            assert getattr(copy, same) == getattr(original, same), same
        assert (copy.state, copy.attempt, copy.tries) == (State.READY, 0, 0)
        assert (copy.errors, copy.worker_ids, copy.failure, copy.run_after) == ((), [], None, None)
        assert original.failure == Failure.ERROR

    def test_what_came_along_is_in_every_claim_and_not_in_a_copys(self, store: Store) -> None:
        id = insert(store, trace='{"request":"r-1"}')
        finish(store, retry(claim_one(store)))
        claimed = claim_one(store)
        assert (claimed.id, claimed.trace) == (id, '{"request":"r-1"}')
        finish(store, failure(claimed))
        store.retry([id])
        again = claim_one(store)
        assert (again.attempt, again.trace) == (3, '{"request":"r-1"}')
        finish(store, success(again))
        store.requeue([id])
        assert claim_one(store).trace is None

    def test_a_job_in_any_state_can_be_copied(self, place: Place, store: Store) -> None:
        ids = [bring(place, store, wanted) for wanted in State]
        copies = store.requeue([*ids, new_id(), "123"])

        assert len(copies) == len(ids)
        assert {state(store, copy.id) for copy in copies} == {State.READY}
        assert [job.state for job in store.get(ids)] == list(State)

    def test_only_ended_jobs_are_deleted(self, place: Place, store: Store) -> None:
        ids = {wanted: bring(place, store, wanted) for wanted in State}

        assert store.delete([*ids.values(), *ids.values(), new_id(), "123"]) == len(ENDED)
        left = {job.id for job in store.get(list(ids.values()))}
        assert left == {id for wanted, id in ids.items() if wanted not in ENDED}
        assert store.delete(list(ids.values())) == 0

    def test_the_history_of_a_deleted_job_goes_with_it(self, store: Store) -> None:
        id = insert(store)
        finish(store, retry(claim_one(store)))
        finish(store, failure(claim_one(store)))

        assert store.delete([id]) == 1
        assert store.get([id]) == []

    def test_live_numbers_count_what_is_not_ended(self, place: Place, store: Store) -> None:
        assert store.insights().depth() == 0
        assert store.insights().oldest_ready_at is None
        first = insert(store, queue="mail", tenant="acme")
        insert_many(store, 2, queue="mail", tenant="acme")
        insert_later(store)
        insert(store, priority=100)
        claim_one(store)
        bring(place, store, State.CANCELED)
        insights = store.insights()

        counted = {(lane.queue, lane.tenant, lane.state): lane.count for lane in insights.lanes}
        assert counted == {
            ("mail", "acme", State.READY): 3,
            ("default", "", State.SCHEDULED): 1,
            ("default", "", State.RUNNING): 1,
        }
        assert insights.depth() == 5
        assert insights.depth(State.READY, State.RUNNING) == 4
        assert insights.oldest_ready_at == record(store, first).eligible_at
        assert insights.now >= record(store, first).enqueued_at
