"""Promises of jobs that become other jobs, and of the runs that all of them are part of."""

from typing import Any

import pytest

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from tests.stores.contracts.depending import after, insert_after
from tests.stores.jobs import (
    OTHER,
    WORKER,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    join,
    record,
    spec,
    state,
    success,
)


def items(count: int, **values: Any) -> list[JobSpec]:
    return [spec(**values) for _ in range(count)]


def grow(store: Store, claimed: Claim, specs: list[JobSpec]) -> State | None:
    """Have a claimed job become others."""
    return store.expand(claimed.worker_id, success(claimed)._replace(result=f"{len(specs)}"), specs)


class Growing:
    """What a job that becomes other jobs can rely on, and who waits for it."""

    def test_who_waited_for_the_one_waits_for_all_in_its_place(self, store: Store) -> None:
        join(store)
        one = insert(store)
        child, any_of = after(one), after(one, rule=TriggerRule.ONE_SUCCESS)
        store.insert([child, any_of])
        specs = items(3)
        assert grow(store, claim_one(store), specs) is State.SUCCESSFUL
        assert record(store, one).result == "3"
        assert [state(store, spec.id) for spec in specs] == [State.READY] * 3
        # That a list was found is no success of an item.
        assert [state(store, each.id) for each in (child, any_of)] == [State.DEFERRED] * 2
        finish(store, success(claim_one(store)))
        assert [state(store, each.id) for each in (child, any_of)] == [State.DEFERRED, State.READY]
        finish(store, *(success(each) for each in claim(store, 3)))
        assert state(store, child.id) is State.READY

    def test_an_item_that_fails_counts_as_any_upstream(self, store: Store) -> None:
        join(store)
        one = insert(store)
        child, cleaning = after(one), after(one, rule=TriggerRule.ALL_DONE)
        store.insert([child, cleaning])
        specs = items(2)
        grow(store, claim_one(store), specs)
        first, second = claim(store, 2)
        finish(store, failure(first), success(second))
        assert record(store, child.id).is_blocked
        assert state(store, cleaning.id) is State.READY
        store.retry([first.id])
        assert not record(store, child.id).is_blocked

    def test_without_items_nothing_is_waited_for(self, store: Store) -> None:
        join(store)
        one = insert(store)
        child, any_of = after(one), after(one, rule=TriggerRule.ONE_SUCCESS)
        store.insert([child, any_of])
        grow(store, claim_one(store), [])
        assert [state(store, each.id) for each in (child, any_of)] == [State.READY, State.SKIPPED]

    def test_a_job_waits_for_its_other_upstreams_too(self, store: Store) -> None:
        join(store)
        one, other = insert(store), insert(store)
        child = insert_after(store, one, other)
        first, second = claim(store, 2)
        grow(store, first, items(1))
        finish(store, success(claim_one(store)))
        assert state(store, child) is State.DEFERRED
        finish(store, success(second))
        assert state(store, child) is State.READY

    def test_items_may_wait_for_one_another(self, store: Store) -> None:
        join(store)
        child = insert_after(store, insert(store))
        first = spec()
        second = after(first.id, rule=TriggerRule.ALL_DONE)
        grow(store, claim_one(store), [first, second])
        assert [state(store, each.id) for each in (first, second)] == [State.READY, State.DEFERRED]
        finish(store, failure(claim_one(store)))
        finish(store, success(claim_one(store)))
        assert record(store, child).is_blocked

    @pytest.mark.parametrize("worker", [WORKER, OTHER])
    def test_a_job_grows_once_and_for_its_worker_alone(self, store: Store, worker: str) -> None:
        join(store)
        child = insert_after(store, insert(store))
        claimed = claim_one(store)
        specs = items(2)
        if worker == WORKER:
            grow(store, claimed, specs)
        assert grow(store, claimed._replace(worker_id=worker), specs) is None
        assert len(store.find(JobFilter())) == (4 if worker == WORKER else 2)
        assert state(store, child) is State.DEFERRED

    def test_a_job_that_was_asked_to_stop_does_not_grow(self, store: Store) -> None:
        join(store)
        one = insert(store)
        child = insert_after(store, one)
        claimed = claim_one(store)
        store.cancel([one])
        assert grow(store, claimed, items(2)) is State.CANCELED
        assert len(store.find(JobFilter())) == 2
        assert state(store, child) is State.CANCELED

    def test_the_edge_to_what_grew_stays_for_who_draws_it(self, store: Store) -> None:
        join(store)
        one = insert(store)
        child = insert_after(store, one)
        specs = items(2)
        grow(store, claim_one(store), specs)
        told = {edge.upstream for edge in store.edges([child])}
        assert told == {one, *(spec.id for spec in specs)}

    def test_runs_are_listed_the_newest_first_with_how_they_stand(self, store: Store) -> None:
        join(store)
        old, new = sorted((new_id(), new_id()))
        insert(store)
        for run_id, tenant in ((old, "acme"), (new, "globex")):
            first = spec(tenant=tenant, origin=Origin(run_id=run_id, node="a"))
            upstreams = (Upstream(id=first.id),)
            origin = Origin(run_id=run_id, node="b", upstreams=upstreams)
            store.insert([first, spec(tenant=tenant, origin=origin)])
        claimed = claim(store, 3)
        finish(store, *(failure(each) for each in claimed if each.run_id == old))
        found = store.runs(RunFilter())
        assert [(run.id, run.status, run.tenants) for run in found] == [
            (new, "RUNNING", ("globex",)),
            (old, "FAILED", ("acme",)),
        ]
        assert found[1].states == {"FAILED": 1, "BLOCKED": 1}
        assert [run.id for run in store.runs(RunFilter(limit=1))] == [new]
        assert [run.id for run in store.runs(RunFilter(tenant="acme"))] == [old]
        assert [run.id for run in store.runs(RunFilter(run_id=old))] == [old]
        assert len(store.find(JobFilter(run_id=old, limit=None))) == 2
        assert store.runs(RunFilter(run_id=new_id())) == []
