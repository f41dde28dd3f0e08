"""Promises of origins: a job of a pipeline or a schedule knows where it comes from."""

from datetime import UTC, datetime

import pytest

from django_taskq.jobs.ids import new_id
from django_taskq.jobs.limits import NO_GATE, gate_of, gate_within
from django_taskq.jobs.origin import Origin
from django_taskq.stores.base import Store
from tests.stores.contracts.naming import named
from tests.stores.jobs import (
    TASK,
    claim,
    claim_one,
    finish,
    insert,
    insert_many,
    join,
    now_of,
    record,
    success,
)

DUE = datetime(2030, 10, 27, 1, 30, 0, 250_000, tzinfo=UTC)


class Origins:
    """Where jobs come from."""

    @pytest.mark.parametrize("is_named", [False, True])
    def test_an_origin_is_kept_and_handed_out(self, store: Store, is_named: bool) -> None:
        run_id = new_id()
        origin = Origin(run_id=run_id, node="load", map_index=2, schedule_id=7, scheduled_for=DUE)
        if is_named:
            id = store.insert([named(store, "nightly")._replace(origin=origin)])[0].id
        else:
            id = insert(store, origin=origin)
        join(store)
        found, claimed = record(store, id), claim_one(store)
        told = ("run_id", "node", "map_index", "scheduled_for")
        assert tuple(getattr(claimed, name) for name in told) == (run_id, "load", 2, DUE)
        assert tuple(getattr(found, name) for name in told) == (run_id, "load", 2, DUE)
        assert found.schedule_id == 7

    def test_a_batch_may_hold_jobs_with_and_without_an_origin(self, store: Store) -> None:
        origin = Origin(schedule_id=7, scheduled_for=DUE)
        first = named(store, "a")
        specs = [first, named(store, "b")._replace(origin=origin), first._replace(id=new_id())]
        specs[2] = specs[2]._replace(task_id=None, unique_key=None)
        ids = [inserted.id for inserted in store.insert(specs)]
        assert [record(store, id).scheduled_for for id in ids] == [None, DUE, None]

    def test_a_copy_of_a_job_has_no_origin(self, store: Store) -> None:
        id = insert(store, origin=Origin(run_id=new_id(), node="load", schedule_id=7))
        (copy,) = store.requeue([id])
        found = record(store, copy.id)
        assert (found.run_id, found.node, found.schedule_id) == (None, None, None)

    @pytest.mark.parametrize("own", [NO_GATE, gate_of(TASK, 4, None)])
    def test_a_gate_may_bound_how_many_jobs_of_a_schedule_run(self, store: Store, own: str) -> None:
        origin = Origin(schedule_id=7, scheduled_for=DUE)
        insert(store, origin=origin, gate=own)
        join(store)
        # One that its own gate does not count counts all the same.
        plain = claim_one(store)
        insert_many(store, 3, origin=origin, gate=gate_within(own, TASK, 7, 2))
        other = origin._replace(schedule_id=8)
        (apart,) = insert_many(store, 1, origin=other, gate=gate_within(own, TASK, 8, 2))
        first = claim(store, 10)
        assert len(first) == 2
        assert apart in {claimed.id for claimed in first}
        assert claim(store, 10) == []
        finish(store, success(plain))
        assert len(claim(store, 10)) == 1
        finish(store, *map(success, first))
        assert len(claim(store, 10)) == 1

    def test_the_unfinished_among_jobs_are_told_apart(self, store: Store) -> None:
        waiting, running, ended = insert_many(store, 3)
        join(store)
        claims = {claimed.id: claimed for claimed in claim(store, 3)}
        finish(store, success(claims[ended]))
        store.release(claims[waiting].worker_id, [])
        found = store.unfinished([waiting, running, ended, new_id()])
        assert found == {waiting, running}
        assert store.unfinished([]) == frozenset()

    def test_a_store_tells_the_time(self, store: Store) -> None:
        assert now_of(store) <= store.now() <= now_of(store)
