"""Promises of arm, wait, wait_ended and close."""

from time import monotonic

import pytest

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.ids import new_id
from django_taskq.stores.base import Store
from django_taskq.stores.database import wakeups
from django_taskq.stores.wakeup import Wakeup
from tests.deadlines import wait_until
from tests.stores.jobs import (
    WORKER,
    Thread,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    join,
    success,
)

SOON = 5.0
LONG = 30.0


class Waking:
    """How workers and callers sleep until there is something for them."""

    def test_an_insert_between_arming_and_waiting_is_not_slept_through(self, store: Store) -> None:
        join(store)
        store.arm(WORKER)
        assert claim(store) == []
        Thread(lambda: insert(store)).result()
        before = monotonic()
        store.wait(WORKER, Wakeup(), LONG)

        assert monotonic() - before < SOON
        assert claim(store) != []
        store.disarm(WORKER)

    def test_an_idle_worker_gets_what_is_inserted_while_it_sleeps(self, store: Store) -> None:
        join(store)

        def work() -> list[Claim]:
            wakeup = Wakeup()
            store.arm(WORKER)
            while not (claims := claim(store)):
                store.wait(WORKER, wakeup, 0.5)
                wakeup.clear()
            store.disarm(WORKER)
            return claims

        for _ in range(3):
            worker = Thread(work)
            wait_until(worker.is_running)
            id = insert(store)
            (claimed,) = worker.result()
            assert claimed.id == id

    def test_a_raised_wakeup_ends_the_sleep(self, store: Store) -> None:
        join(store)
        wakeup = Wakeup()
        store.arm(WORKER)
        sleeper = Thread(lambda: store.wait(WORKER, wakeup, LONG))
        wakeup.set()

        sleeper.result(SOON)
        store.wait(WORKER, wakeup, LONG)
        store.disarm(WORKER)

    def test_a_sleep_ends_when_its_seconds_are_over(self, store: Store) -> None:
        join(store)
        store.arm(WORKER)
        before = monotonic()
        store.wait(WORKER, Wakeup(), 0.05)

        assert monotonic() - before < SOON
        store.disarm(WORKER)

    def test_waiting_for_jobs_that_have_ended_returns_at_once(self, store: Store) -> None:
        good, bad, canceled = insert_many(store, 3)
        first, second = claim(store, 2)
        finish(store, success(first), failure(second))
        store.cancel([canceled])

        assert store.wait_ended([good, bad, canceled], 0)
        assert store.wait_ended([good, good], LONG)
        assert store.wait_ended([], None)

    def test_waiting_ends_without_success_when_the_seconds_are_over(self, store: Store) -> None:
        ended, waiting = insert(store), insert_later(store)
        finish(store, success(claim_one(store)))

        assert not store.wait_ended([ended, waiting], 0.05)
        assert not store.wait_ended([waiting], 0)

    def test_a_caller_is_woken_when_the_last_of_its_jobs_ends(self, store: Store) -> None:
        ids = insert_many(store, 3)
        claims = claim(store, 2)
        callers = [Thread(lambda: store.wait_ended([*ids, ids[0]], LONG)) for _ in range(2)]
        finish(store, success(claims[0]))
        finish(store, failure(claims[1]))
        assert all(caller.is_running() for caller in callers)
        store.cancel([ids[2]])

        assert [caller.result(SOON) for caller in callers] == [True, True]

    def test_nobody_waits_for_a_job_that_is_gone(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wakeups, "UNSEEN_GRACE", 0.1)
        deleted, ended = insert_many(store, 2)
        finish(store, *map(success, claim(store, 2)))
        store.delete([deleted])
        waiter = Thread(lambda: store.wait_ended([deleted, ended, new_id(), "no id"], None))

        assert waiter.result(SOON) is True

    def test_a_job_that_is_gone_ends_no_wait_for_others(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wakeups, "UNSEEN_GRACE", 0.0)
        assert not store.wait_ended([new_id(), insert(store)], 0.05)

    def test_a_store_can_be_used_after_it_was_closed(self, store: Store) -> None:
        store.close()
        id = insert(store)

        assert claim_one(store).id == id
        assert store.wait_ended([id], 0) is False
        store.close()
