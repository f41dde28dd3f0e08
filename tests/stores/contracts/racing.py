"""Promises of predictable ids to many that ask at once, and to open transactions."""

import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from django_taskq.exceptions import DuplicateJob
from django_taskq.jobs.change import Change
from django_taskq.jobs.spec import Inserted
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, OnDuplicate
from django_taskq.stores.base import Store
from tests.stores.contracts.naming import enter, named, unfinished
from tests.stores.jobs import (
    OTHER,
    Thread,
    claim,
    finish,
    insert,
    spec,
    success,
)

RAISE, RETURN, REPLACE = OnDuplicate
CALLERS = 50
LONGEST = 60.0


def at_once(*verbs: Callable[[], Any]) -> list[Any]:
    """Let threads begin together, and return what each returned or the DuplicateJob it raised."""
    barrier = threading.Barrier(len(verbs))

    def begin(verb: Callable[[], Any]) -> Any:
        barrier.wait(LONGEST)
        try:
            return verb()
        except DuplicateJob as error:
            return error

    threads = [Thread(lambda verb=verb: begin(verb)) for verb in verbs]
    return [thread.result(LONGEST) for thread in threads]


class Racing:
    """How many enqueues, retries and ends of one id get on with one another."""

    @pytest.mark.parametrize("on_duplicate", OnDuplicate)
    def test_enqueues_at_once_of_one_id_make_one_job(
        self, store: Store, on_duplicate: OnDuplicate
    ) -> None:
        told = at_once(*[lambda: enter(store, on_duplicate=on_duplicate)] * CALLERS)

        (id,) = unfinished(store)
        assert {getattr(item, "job_id", None) or item.id for item in told} == {id}
        new = [item for item in told if isinstance(item, Inserted) and item.entry is Entry.NEW]
        assert len(new) == 1
        others = {item.entry for item in told if isinstance(item, Inserted)} - {Entry.NEW}
        assert others == {RAISE: set(), RETURN: {"existing"}, REPLACE: {"replaced"}}[on_duplicate]

    def test_batches_that_overlap_in_other_orders_all_come_through(self, store: Store) -> None:
        names = [f"task-{number}" for number in range(20)]

        def enqueue(order: Sequence[str]) -> list[Inserted]:
            return store.insert([named(store, name, on_duplicate=RETURN) for name in order])

        told = at_once(*[lambda: enqueue(names), lambda: enqueue(names[::-1])] * 4)
        assert len(unfinished(store)) == len(names)
        assert sum(item.entry is Entry.NEW for batch in told for item in batch) == len(names)

    def test_retries_and_enqueues_at_once_leave_one_job(self, store: Store) -> None:
        first = enter(store)
        store.cancel([first.id])
        told = at_once(
            *[lambda: store.retry([first.id])[0]] * 5,
            *[lambda: enter(store, on_duplicate=RETURN)] * 5,
        )

        (id,) = unfinished(store)
        changes = [item for item in told if isinstance(item, Change)]
        retried = [item for item in changes if item.before != item.after]
        new = [item for item in told if isinstance(item, Inserted) and item.entry is Entry.NEW]
        assert len(retried) + len(new) == 1
        assert all(item.held_by in (None, id) for item in changes)

    def test_an_id_that_is_used_again_and_again_never_has_two_jobs(self, store: Store) -> None:
        done = threading.Event()

        def work() -> int:
            ended = 0
            while not done.is_set():
                claims = claim(store, 5, OTHER)
                assert len(claims) <= 1
                ended += len(finish(store, *map(success, claims), worker=OTHER))
            return ended

        worker = Thread(work)
        try:
            told = at_once(*[lambda: [enter(store, on_duplicate=RETURN) for _ in range(10)]] * 4)
        finally:
            done.set()
        ended = worker.result(LONGEST)
        new = [item for items in told for item in items if item.entry is Entry.NEW]
        assert len(new) == len({item.id for item in new})
        assert ended + len(unfinished(store)) == len(new)


class RacingInTransactions:
    """How predictable ids keep the caller's transaction whole. A durable store's promises."""

    def test_a_refused_enqueue_leaves_the_transaction_usable(
        self, place: Any, store: Store
    ) -> None:
        held, taken = enter(store), insert(store)
        with transaction.atomic(using=place.database):
            before = insert(store)
            with pytest.raises(DuplicateJob):
                enter(store)
            with pytest.raises(DuplicateJob):
                store.insert([spec(), named(store)])
            assert enter(store, on_duplicate=RETURN).id == held.id
            after = enter(store, uuid4().hex).id
        assert set(unfinished(store)) == {held.id, taken, before, after}

    def test_a_refused_retry_leaves_the_transaction_usable(self, place: Any, store: Store) -> None:
        first = enter(store)
        store.cancel([first.id])
        held = enter(store)
        with transaction.atomic(using=place.database):
            before = insert(store)
            assert store.retry([first.id])[0].held_by == held.id
            after = insert(store)
        assert set(unfinished(store)) == {held.id, before, after}

    @pytest.mark.parametrize("on_duplicate", OnDuplicate)
    @pytest.mark.parametrize("is_kept", [True, False], ids=["commit", "rollback"])
    def test_an_id_in_an_open_transaction_is_waited_for(
        self, place: Any, store: Store, on_duplicate: OnDuplicate, is_kept: bool
    ) -> None:
        called = threading.Event()

        def second() -> Inserted | DuplicateJob:
            called.set()
            try:
                return enter(store, on_duplicate=on_duplicate)
            except DuplicateJob as error:
                return error

        with transaction.atomic(using=place.database):
            first = enter(store)
            waiting = Thread(second)
            assert called.wait(LONGEST)
            assert waiting.is_running()
            transaction.set_rollback(not is_kept, using=place.database)
        told = waiting.result(LONGEST)

        if not is_kept:
            assert isinstance(told, Inserted)
            assert told.entry is Entry.NEW
        elif on_duplicate is RAISE:
            assert isinstance(told, DuplicateJob)
            assert told.job_id == first.id
        else:
            assert told.id == first.id
        assert len(unfinished(store)) == 1

    def test_a_retry_waits_for_an_enqueue_in_an_open_transaction(
        self, place: Any, store: Store
    ) -> None:
        first = enter(store)
        store.cancel([first.id])
        with transaction.atomic(using=place.database):
            second = enter(store)
            waiting = Thread(lambda: store.retry([first.id]))
        (change,) = waiting.result(LONGEST)

        assert (change.after, change.held_by) == (State.CANCELED, second.id)
        assert unfinished(store) == [second.id]
