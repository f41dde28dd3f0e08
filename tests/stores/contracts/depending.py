"""Promises of dependencies: who waits, who runs, who is blocked, who is skipped."""

from typing import Any

import pytest

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.contracts.naming import named
from tests.stores.jobs import (
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    join,
    record,
    retry,
    spec,
    state,
    success,
)
from tests.stores.places import Place


def after(*upstreams: str, rule: TriggerRule | None = None, **values: Any) -> JobSpec:
    """Return a job that waits for others, given by their ids."""
    ups = tuple(Upstream(id=id) for id in upstreams)
    return spec(origin=Origin(trigger_rule=rule, upstreams=ups), **values)


def insert_after(store: Store, *upstreams: str, **values: Any) -> str:
    """Insert a job that waits for others."""
    return store.insert([after(*upstreams, **values)])[0].id


def end(store: Store, id: str, how: Any = success) -> None:
    """Claim this job, which must be ready before all others, and end it."""
    claimed = claim_one(store)
    assert claimed.id == id
    finish(store, how(claimed))


class Depending:
    """What a job that waits for others can rely on."""

    def test_a_job_runs_once_all_it_waits_for_have_succeeded(self, store: Store) -> None:
        join(store)
        first, second = insert(store), insert(store)
        child = insert_after(store, first, second)
        assert state(store, child) is State.DEFERRED
        end(store, first)
        assert state(store, child) is State.DEFERRED
        end(store, second)
        assert state(store, child) is State.READY
        assert claim_one(store).id == child

    def test_a_batch_may_wait_within_itself(self, store: Store) -> None:
        join(store)
        first, second = spec(), spec()
        last = after(first.id, second.id)
        store.insert([last, first, second])
        finish(store, *(success(claimed) for claimed in claim(store, 5)))
        assert claim_one(store).id == last.id

    @pytest.mark.parametrize("how", [success, failure])
    def test_a_job_whose_upstream_has_ended_is_decided_at_once(
        self, store: Store, how: Any
    ) -> None:
        join(store)
        first = insert(store)
        end(store, first, how)
        child = record(store, insert_after(store, first))
        assert child.state is (State.READY if how is success else State.DEFERRED)
        assert child.is_blocked == (how is failure)
        cleaner = insert_after(store, first, rule=TriggerRule.ALL_DONE)
        assert state(store, cleaner) is State.READY

    def test_a_name_stands_for_the_unfinished_job_else_for_the_last_that_ended(
        self, store: Store
    ) -> None:
        join(store)
        by_name = Origin(upstreams=(Upstream(task_id="load"),))
        store.insert([named(store, "load")])
        finish(store, success(claim_one(store)))
        assert state(store, insert(store, origin=by_name)) is State.READY
        claim_one(store)
        store.insert([named(store, "load")])
        waits = insert(store, origin=by_name)
        assert state(store, waits) is State.DEFERRED
        finish(store, success(claim_one(store)))
        assert state(store, waits) is State.READY

    def test_an_unknown_upstream_is_refused_and_nothing_is_stored(self, store: Store) -> None:
        other = spec()
        with pytest.raises(InvalidPipeline, match="which is not known there"):
            store.insert([other, after(new_id())])
        with pytest.raises(InvalidPipeline, match="the task_id 'nope'"):
            insert(store, origin=Origin(upstreams=(Upstream(task_id="nope"),)))
        assert store.get([other.id]) == []

    def test_an_upstream_of_another_tenant_is_refused(self, store: Store) -> None:
        first = insert(store, tenant="acme")
        with pytest.raises(InvalidPipeline, match="of the tenant 'acme'"):
            insert_after(store, first, tenant="globex")

    def test_a_cycle_is_refused_and_nothing_is_stored(self, store: Store) -> None:
        first, second = new_id(), new_id()
        with pytest.raises(InvalidPipeline, match="a cycle of 2 jobs"):
            store.insert([after(first, id=second), after(second, id=first)])
        with pytest.raises(InvalidPipeline):
            store.insert([after(first, id=first)])
        assert store.get([first, second]) == []

    def test_a_failure_blocks_what_waits_and_a_clean_up_runs(self, store: Store) -> None:
        join(store)
        a = spec()
        b, c = after(a.id), None
        c = after(b.id)
        cleaner = after(c.id, rule=TriggerRule.ALL_DONE)
        store.insert([a, b, c, cleaner])
        end(store, a.id, failure)
        blocked = record(store, b.id)
        assert (blocked.state, blocked.is_blocked) == (State.DEFERRED, True)
        assert blocked.blocked_for is not None
        assert a.id in blocked.blocked_for
        assert record(store, c.id).is_blocked
        assert store.wait_ended([b.id, c.id], 5)
        assert claim_one(store).id == cleaner.id

    def test_a_retry_of_what_failed_resumes_what_is_blocked(self, store: Store) -> None:
        join(store)
        a = spec()
        b = after(a.id)
        c = after(b.id)
        store.insert([a, b, c])
        end(store, a.id, failure)
        store.retry([a.id])
        resumed = record(store, b.id)
        assert (resumed.is_blocked, resumed.blocked_for) == (False, None)
        assert not record(store, c.id).is_blocked
        end(store, a.id)
        end(store, b.id)
        end(store, c.id)
        assert state(store, c.id) is State.SUCCESSFUL

    def test_a_try_that_failed_is_no_failure_yet(self, store: Store) -> None:
        join(store)
        first = insert(store)
        rules = (TriggerRule.ALL_SUCCESS, TriggerRule.ONE_FAILED, TriggerRule.ALL_DONE)
        waiting = [insert_after(store, first, rule=rule) for rule in rules]
        finish(store, retry(claim_one(store)))
        found = [record(store, id) for id in waiting]
        assert [(job.state, job.is_blocked) for job in found] == [(State.DEFERRED, False)] * 3

    def test_a_cancel_cancels_what_can_no_longer_run(self, store: Store) -> None:
        join(store)
        a = spec()
        b = after(a.id)
        c = after(b.id)
        cleaner = after(c.id, rule=TriggerRule.ALL_DONE)
        wants_one = after(a.id, rule=TriggerRule.ONE_SUCCESS)
        store.insert([a, b, c, cleaner, wants_one])
        store.cancel([a.id])
        for id in (b.id, c.id):
            job = record(store, id)
            assert (job.state, job.failure) == (State.CANCELED, Failure.DEPENDENCY)
            assert job.finished_at is not None
        assert record(store, b.id).reason == (
            f"Job {a.id}, which this one waits for, was canceled."
        )
        skipped = record(store, wants_one.id)
        assert (skipped.state, skipped.failure) == (State.SKIPPED, Failure.DEPENDENCY)
        assert claim_one(store).id == cleaner.id

    def test_what_falls_with_a_cancel_can_be_told_of_once(self, store: Store) -> None:
        a = spec()
        b = after(a.id)
        c = after(b.id)
        skipped = after(a.id, rule=TriggerRule.ONE_SUCCESS)
        store.insert([a, b, c, skipped])
        assert store.falls.take() == []
        store.cancel([a.id])
        assert sorted(store.falls.take()) == sorted([b.id, c.id])
        assert store.falls.take() == []

    def test_what_falls_with_the_end_of_a_job_can_be_told_of(self, store: Store) -> None:
        join(store)
        first = insert(store)
        child = insert_after(store, first)
        claimed = claim_one(store)
        store.cancel([first])
        assert store.falls.take() == []
        finish(store, failure(claimed))
        assert store.falls.take() == [child]
        late = insert_after(store, first)
        assert store.falls.take() == [late]

    def test_a_blocked_job_is_canceled_with_what_waits_for_it(self, store: Store) -> None:
        join(store)
        a = spec()
        b = after(a.id)
        c = after(b.id)
        store.insert([a, b, c])
        end(store, a.id, failure)
        store.cancel([b.id])
        assert [state(store, id) for id in (b.id, c.id)] == [State.CANCELED] * 2
        assert not record(store, b.id).is_blocked

    def test_a_rule_that_can_no_longer_become_true_skips_and_that_goes_on(
        self, store: Store
    ) -> None:
        join(store)
        a = spec()
        b = after(a.id, rule=TriggerRule.ALL_FAILED)
        c = after(b.id)
        last = after(b.id, c.id, rule=TriggerRule.NONE_FAILED)
        store.insert([a, b, c, last])
        end(store, a.id)
        assert [state(store, spec.id) for spec in (b, c)] == [State.SKIPPED] * 2
        assert record(store, b.id).reason == (
            f"The trigger rule all_failed can no longer become true: job {a.id} succeeded."
        )
        assert claim_one(store).id == last.id

    def test_a_job_that_always_runs_waits_for_nothing(self, store: Store) -> None:
        first = insert(store)
        assert state(store, insert_after(store, first, rule=TriggerRule.ALWAYS)) is State.READY

    def test_a_time_to_come_is_waited_for_after_the_upstreams(self, store: Store) -> None:
        join(store)
        first = insert(store)
        later = insert_later(store)
        due = record(store, later).run_after
        child = insert_after(store, first, run_after=due)
        assert state(store, child) is State.DEFERRED
        end(store, first)
        found = record(store, child)
        assert (found.state, found.due_at) == (State.SCHEDULED, due)

    def test_what_waits_for_a_deleted_failure_is_canceled(self, store: Store) -> None:
        join(store)
        first = insert(store)
        child = insert_after(store, first)
        cleaner = insert_after(store, first, child, rule=TriggerRule.ALL_DONE)
        end(store, first, failure)
        store.delete([first])
        assert store.falls.take() == [child]
        found = record(store, child)
        assert (found.state, found.failure) == (State.CANCELED, Failure.DEPENDENCY)
        assert claim_one(store).id == cleaner

    def test_a_wide_join_runs_once(self, store: Store) -> None:
        join(store)
        specs = [spec() for _ in range(300)]
        last = after(*(each.id for each in specs))
        store.insert([*specs, last])
        ended = 0
        while ended < 300:
            claims = claim(store, 100)
            assert last.id not in {claimed.id for claimed in claims}
            finish(store, *(success(claimed) for claimed in claims))
            ended += len(claims)
        assert [claimed.id for claimed in claim(store, 5)] == [last.id]

    def test_a_job_may_wait_for_one_that_comes_later(self, place: Place) -> None:
        store = place.open(missing_dependency="wait")
        join(store)
        later = spec()
        by_id = insert_after(store, later.id)
        by_name = insert(store, origin=Origin(upstreams=(Upstream(task_id="load"),)))
        assert [state(store, id) for id in (by_id, by_name)] == [State.DEFERRED] * 2
        store.insert([later])
        store.insert([named(store, "load")])
        finish(store, *(success(claimed) for claimed in claim(store, 5)))
        assert [state(store, id) for id in (by_id, by_name)] == [State.READY] * 2
        store.close()

    @pytest.mark.parametrize("is_named", [False, True])
    def test_the_job_that_would_close_a_circle_is_refused(
        self, place: Place, is_named: bool
    ) -> None:
        store = place.open(missing_dependency="wait")
        join(store)
        name = "last" if is_named else None
        last = named(store, "last") if is_named else spec()
        up = Upstream(task_id=name) if is_named else Upstream(id=last.id)
        a = spec(origin=Origin(upstreams=(up,)))
        b = after(a.id)
        store.insert([a])
        store.insert([b])
        closing = last._replace(origin=Origin(upstreams=(Upstream(id=b.id),)))
        with pytest.raises(InvalidPipeline, match="wait for itself, got a cycle of 3 jobs"):
            store.insert([free := spec(), closing])
        assert store.get([free.id, closing.id]) == []
        assert [state(store, id) for id in (a.id, b.id)] == [State.DEFERRED] * 2
        # Without the edge that closes it, all of it runs.
        store.insert([last])
        for id in (last.id, a.id, b.id):
            end(store, id)
        store.close()

    def test_a_circle_through_jobs_that_wait_no_more_is_none(self, place: Place) -> None:
        store = place.open(missing_dependency="wait")
        join(store)
        later = spec()
        a = after(later.id)
        b = after(a.id, rule=TriggerRule.ALL_DONE)
        store.insert([a, b])
        store.cancel([a.id])
        end(store, b.id)
        store.insert([later._replace(origin=Origin(upstreams=(Upstream(id=b.id),)))])
        assert state(store, later.id) is State.READY
        store.close()


class GivingUp:
    """What becomes of blocked jobs that nobody resumes."""

    def test_a_job_that_was_blocked_for_long_is_canceled_with_what_waits_for_it(
        self, place: Place, clock: FrozenClock
    ) -> None:
        retention = {"successful": None, "failed": 2.0, "canceled": None}
        store = place.open(clock, retention=retention)
        join(store)
        a = spec()
        b = after(a.id)
        cleaner = after(b.id, rule=TriggerRule.ALL_SUCCESS)
        store.insert([a, b, cleaner])
        end(store, a.id, failure)
        clock.move(2 * 86400 - 60)
        store.prune(10)
        assert record(store, b.id).is_blocked
        clock.move(120)
        assert store.falls.take() == []
        store.prune(10)
        assert sorted(store.falls.take()) == sorted([b.id, cleaner.id])
        for id in (b.id, cleaner.id):
            found = record(store, id)
            assert (found.state, found.failure) == (State.CANCELED, Failure.DEPENDENCY)
            assert found.reason is not None
            assert not found.is_blocked
        store.close()
