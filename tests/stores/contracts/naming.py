"""Promises of predictable ids: one unfinished job for each."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from django_taskq.exceptions import DuplicateJob
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, OnDuplicate, unique_key
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import (
    WORKER,
    claim,
    claim_one,
    finish,
    insert,
    join,
    lose,
    now_of,
    record,
    retry,
    spec,
    state,
    success,
)
from tests.stores.places import Place

RAISE, RETURN, REPLACE = OnDuplicate


def named(store: Store, task_id: str = "nightly", **values: Any) -> JobSpec:
    """Return a job with a predictable id."""
    key = unique_key(store.alias, values.get("tenant", ""), task_id)
    return spec(task_id=task_id, unique_key=key, **values)


def enter(store: Store, task_id: str = "nightly", **values: Any) -> Inserted:
    """Insert a job with a predictable id."""
    return store.insert([named(store, task_id, **values)])[0]


def unfinished(store: Store) -> list[str]:
    """Return the ids of all jobs that have not ended."""
    return [job.id for job in store.find(JobFilter(limit=1000)) if not job.is_ended]


def release(store: Store, claimed: Claim) -> None:
    store.release(WORKER, [Fence(claimed.seq, claimed.attempt)])


def ending(make: Callable[[Claim], Outcome]) -> Callable[[Store, Claim], Any]:
    return lambda store, claimed: finish(store, make(claimed))


# Ways in which a running job goes on.
GOES_ON = {
    "retry": ending(retry),
    "later": ending(lambda claimed: retry(claimed, delay=60)),
    "released": release,
    "lost": lose,
    "forgotten": lambda store, claimed: store.forget(WORKER),
}


class Naming:
    """How an enqueue meets an unfinished job with the same id."""

    def test_a_second_job_with_the_id_is_refused_by_the_name_of_the_first(
        self, store: Store
    ) -> None:
        first = enter(store)

        with pytest.raises(DuplicateJob) as caught:
            enter(store)
        assert first.entry is Entry.NEW
        assert (caught.value.job_id, caught.value.task_id) == (first.id, "nightly")
        assert f"'nightly' is held by job {first.id}, which is READY." in str(caught.value)
        assert unfinished(store) == [first.id]
        assert record(store, first.id).task_id == "nightly"

    def test_the_first_job_is_returned_as_it_is(self, store: Store) -> None:
        first = enter(store, args="[1]")
        before = record(store, first.id)

        second = enter(store, args="[2]", on_duplicate=RETURN)
        assert second == first._replace(entry=Entry.EXISTING)
        claim_one(store)
        assert enter(store, on_duplicate=RETURN) == second
        assert unfinished(store) == [first.id]
        assert record(store, first.id).args == before.args

    def test_a_job_that_waits_is_replaced_in_place(self, store: Store) -> None:
        old = enter(store, args="[1]", metadata='{"a":1}', priority=5, max_tries=9)
        before = record(store, old.id)
        at = now_of(store) + timedelta(hours=1)

        replaced = enter(
            store, on_duplicate=REPLACE, task="shop.tasks.pay", args="[2]", kwargs='{"b":2}',
            queue="mail", priority=100, run_after=at, metadata='{"c":3}', options='{"o":1}',
            gate="g", trace='{"t":"1"}',
        )  # fmt: skip
        job = record(store, old.id)
        assert replaced == Inserted(old.id, old.enqueued_at, Entry.REPLACED)
        assert (job.seq, job.enqueued_at) == (before.seq, before.enqueued_at)
        assert (job.task, job.args, job.kwargs) == ("shop.tasks.pay", "[2]", '{"b":2}')
        assert (job.queue, job.priority, job.max_tries, job.gate) == ("mail", 100, None, "g")
        assert (job.metadata_json, job.options) == ('{"c":3}', '{"o":1}')
        assert (job.state, job.due_at, job.run_after) == (State.SCHEDULED, at, at)
        assert job.eligible_at is None
        assert claim(store) == []

        enter(store, on_duplicate=REPLACE, args="[3]", trace='{"t":"2"}')
        (claimed,) = claim(store, 5)
        assert (claimed.id, claimed.args, claimed.trace) == (old.id, "[3]", '{"t":"2"}')
        assert (claimed.queue, claimed.priority, claimed.run_after) == ("default", 0, None)
        assert unfinished(store) == [old.id]

    def test_a_replaced_job_moves_to_the_lane_that_is_new_to_it(self, store: Store) -> None:
        enter(store, queue="slow", priority=-5)
        plain = insert(store)
        enter(store, on_duplicate=REPLACE, priority=100)

        assert claim(store, 5, queues=("slow",)) == []
        assert [item.task_id for item in store.get([c.id for c in claim(store, 5)])] == [
            "nightly", None,
        ]  # fmt: skip
        assert state(store, plain) == State.RUNNING

    def test_a_job_that_was_ready_keeps_the_time_that_it_has_waited(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        first = enter(frozen)
        since = record(frozen, first.id).eligible_at
        clock.move(60)
        enter(frozen, on_duplicate=REPLACE)
        assert record(frozen, first.id).eligible_at == since

        enter(frozen, on_duplicate=REPLACE, run_after=clock.at + timedelta(seconds=60))
        clock.move(30)
        enter(frozen, on_duplicate=REPLACE)
        assert record(frozen, first.id).eligible_at == clock.at

    def test_a_job_that_has_started_is_not_replaced(self, store: Store) -> None:
        for how in ("running", "retry", "later", "lost"):
            first = enter(store, how, args="[1]")
            claimed = claim_one(store)
            if how != "running":
                GOES_ON[how](store, claimed)

            with pytest.raises(DuplicateJob, match="has started: only a job that") as caught:
                enter(store, how, on_duplicate=REPLACE)
            assert caught.value.job_id == first.id, how
            assert record(store, first.id).args == "[1]", how
            store.cancel([first.id])

    def test_a_job_that_was_given_back_untouched_is_replaced(self, store: Store) -> None:
        for how in ("released", "forgotten"):
            first = enter(store, how)
            join(store)
            GOES_ON[how](store, claim_one(store))

            assert enter(store, how, on_duplicate=REPLACE, args="[2]").id == first.id
            again = claim_one(store)
            assert (again.attempt, again.args) == (2, "[2]"), how
            finish(store, success(again))

    def test_the_same_id_of_another_tenant_or_alias_is_another_one(
        self, place: Place, store: Store
    ) -> None:
        other = place.open()
        try:
            ids = {enter(store).id, enter(store, tenant="acme").id, enter(other).id}
            assert len(ids) == 3
            assert len(unfinished(other)) == 1
        finally:
            other.close()

    # Within one batch.

    @pytest.mark.parametrize("on_duplicate", OnDuplicate)
    def test_all_or_none_of_a_batch_is_stored(
        self, store: Store, on_duplicate: OnDuplicate
    ) -> None:
        held = enter(store, "a")
        claim_one(store)
        batch = [spec(), named(store, "b"), named(store, "a"), spec()]
        batch[2] = batch[2]._replace(on_duplicate=on_duplicate)

        if on_duplicate is RETURN:
            assert [item.entry for item in store.insert(batch)] == ["new", "new", "existing", "new"]
            assert len(unfinished(store)) == 4
        else:
            with pytest.raises(DuplicateJob) as caught:
                store.insert(batch)
            assert caught.value.job_id == held.id
            assert unfinished(store) == [held.id]
            assert enter(store, "b").entry is Entry.NEW

    def test_two_of_a_batch_obey_the_second(self, store: Store) -> None:
        with pytest.raises(DuplicateJob, match="more than once") as caught:
            store.insert([named(store), named(store)])
        assert (caught.value.job_id, caught.value.task_id) == (None, "nightly")
        assert unfinished(store) == []

        first, second, third = store.insert(
            [
                named(store, args="[1]"),
                named(store, args="[2]", on_duplicate=RETURN),
                named(store, args="[3]", on_duplicate=REPLACE),
            ]
        )
        assert second == first._replace(entry=Entry.EXISTING)
        assert third == first._replace(entry=Entry.REPLACED)
        assert claim_one(store).args == "[3]"
        with pytest.raises(DuplicateJob, match=f"held by job {first.id}"):
            store.insert([named(store, on_duplicate=RETURN), named(store)])
