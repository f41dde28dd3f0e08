"""Promises about what a store tells of a job that is not running."""

from datetime import timedelta
from typing import Any

from django_taskq.jobs.explanation import explain
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.limits import gate_of, gate_within
from django_taskq.jobs.origin import NO_ORIGIN
from django_taskq.jobs.outlook import MOST_AHEAD, MOST_UPSTREAMS, Outlook
from django_taskq.jobs.rate import Rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.contracts.depending import insert_after
from tests.stores.contracts.giving_back import given_back
from tests.stores.jobs import (
    TASK,
    WORKER,
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
from tests.stores.places import Place


def seen(store: Store, id: str) -> Outlook:
    """Return the outlook of a job that there is."""
    outlook = store.outlook(id)
    assert outlook is not None
    return outlook


def why(store: Store, id: str) -> str:
    """Return the sentence about a job that there is."""
    return explain(seen(store, id))


class ForeseeingStarts:
    """What can be learned of a job's start; nothing is changed by it."""

    def test_an_unknown_job_has_no_outlook(self, store: Store) -> None:
        assert store.outlook(new_id()) is None
        assert store.outlook("nonsense") is None

    def test_jobs_ahead_are_those_of_the_lane_that_start_first(self, store: Store) -> None:
        join(store)
        first, second, third = insert_many(store, 3, tenant="acme")
        low = insert(store, tenant="acme", priority=-1)
        high = insert(store, tenant="acme", priority=1)
        other = insert(store, tenant="globex")
        gated = insert(store, tenant="acme", gate=gate_of(TASK, 5, None))
        insert(store, tenant="acme", queue="slow")
        ids = (first, second, third, low, high, other, gated)
        assert [seen(store, id).ahead for id in ids] == [1, 2, 3, 4, 0, 0, 0]
        assert {seen(store, id).beside for id in ids} == {7}
        assert why(store, other).startswith("It is ready and the next of its tenant 'globex'")
        store.cancel([first, high])
        assert why(store, third).startswith("It is ready, behind 1 job of its tenant 'acme'; about")

    def test_jobs_ahead_are_counted_to_a_bound(self, store: Store) -> None:
        ids = insert_many(store, MOST_AHEAD + 10)
        assert seen(store, ids[MOST_AHEAD]).ahead == MOST_AHEAD
        assert seen(store, ids[-1]).ahead == MOST_AHEAD + 1
        low = insert(store, priority=-1)
        assert (seen(store, low).ahead, seen(store, low).beside) == (MOST_AHEAD + 1,) * 2

    def test_pauses_are_told_of_whom_they_concern(self, store: Store, place: Place) -> None:
        join(store)
        paused, other = insert(store, tenant="acme"), insert(store, queue="slow", tenant="acme")
        place.rule(store, Rules(queues={"slow": QueueRule(is_paused=True)}))
        assert why(store, other) == "Its queue 'slow' is paused: resume it."
        assert why(store, paused).startswith("It is ready")
        place.rule(store, Rules(tenants={"acme": TenantRule(is_paused=True)}))
        assert why(store, paused) == "Its tenant 'acme' is paused: resume it."

    def test_a_full_cap_is_told_until_a_job_under_it_ends(self, store: Store, place: Place) -> None:
        join(store)
        gate = gate_of(TASK, 1, None)
        capped = insert_many(store, 2, gate=gate, tenant="acme")
        assert why(store, capped[1]).startswith("It is ready, behind 1 job")
        held = claim_one(store)
        assert why(store, capped[1]).startswith(f"Its task {TASK} has as many jobs running as it")
        place.rule(store, Rules(tenants={"acme": TenantRule(max_running=1)}))
        free = insert(store, tenant="acme")
        assert why(store, free).startswith("Its tenant 'acme' has as many jobs running as it may")
        place.rule(store, Rules(queues={"default": QueueRule(max_running=1)}))
        assert "queue 'default' has as many jobs running as it may (max_running 1)" in why(
            store, free
        )
        finish(store, success(held))
        assert why(store, capped[1]).startswith("It is ready")

    def test_the_cap_of_a_schedule_is_told(self, store: Store) -> None:
        join(store)
        origin = NO_ORIGIN._replace(schedule_id=7)
        gate = gate_within(gate_of(TASK, None, None), TASK, 7, 1)
        ids = insert_many(store, 2, gate=gate, origin=origin)
        claim_one(store)
        assert why(store, ids[1]).startswith("The schedule that made it has as many jobs running")

    def test_a_rate_says_when_the_next_start_is_allowed(
        self, frozen: Store, clock: FrozenClock, place: Place
    ) -> None:
        join(frozen)
        ids = insert_many(frozen, 2, gate=gate_of(TASK, None, "1/m"), tenant="acme")
        finish(frozen, success(claim_one(frozen)))
        told = why(frozen, ids[1])
        assert told.startswith(f"Its task {TASK} has started as many jobs as it may (max_rate 1/m)")
        (closed,) = seen(frozen, ids[1]).closed
        assert closed.opens_in is not None
        assert 55 < closed.opens_in < 65
        clock.move(closed.opens_in)
        assert not seen(frozen, ids[1]).closed
        assert claim(frozen)

    def test_a_tenants_rate_is_told_too(
        self, frozen: Store, clock: FrozenClock, place: Place
    ) -> None:
        join(frozen)
        place.rule(frozen, Rules(tenants={"acme": TenantRule(rate=Rate(1, 3600.0))}))
        ids = insert_many(frozen, 2, tenant="acme")
        claim_one(frozen)
        assert why(frozen, ids[1]) == (
            "Its tenant 'acme' has started as many jobs as it may (max_rate 1/h): the next one may "
            "start in 60 min."
        )

    def test_an_outlook_spends_no_start_and_makes_nothing(self, store: Store) -> None:
        join(store)
        ids = insert_many(store, 2, gate=gate_of(TASK, 1, "1/h"))
        for _ in range(3):
            assert not seen(store, ids[0]).closed
        assert len(claim(store, 2)) == 1

    def test_workers_are_told_with_whom_they_serve(self, store: Store) -> None:
        id = insert(store, queue="mail")
        assert why(store, id).startswith("No worker is alive: ")
        join(store, queues=("default",))
        assert why(store, id).startswith("No worker serves its queue 'mail': the 1 live worker")
        join(store, WORKER + "2", queues=("mail",))
        assert why(store, id).startswith("It is ready")

    def test_a_lost_worker_is_told(self, frozen: Store, clock: FrozenClock) -> None:
        join(frozen)
        waiting = insert_many(frozen, 2)[1]
        held = claim_one(frozen).id
        assert why(frozen, held).startswith(f"It was taken by worker {WORKER} at ")
        clock.move(3600)
        assert why(frozen, waiting).startswith(f"No worker is alive, {WORKER} was last heard of")
        assert why(frozen, held).startswith(f"Its worker {WORKER} has been silent since")

    def test_a_time_and_another_try_are_told(self, frozen: Store, clock: FrozenClock) -> None:
        join(frozen)
        assert why(frozen, insert_later(frozen)).endswith(" (in 60 min).")
        id = insert(frozen)
        claimed = claim_one(frozen)
        due = clock.at + timedelta(minutes=10)
        finish(frozen, given_back(claimed))
        assert why(frozen, id).startswith(f"Worker {WORKER} could not load it, and gave it back")
        clock.move((due - clock.at).total_seconds() + 1)
        join(frozen)
        assert why(frozen, id).startswith("It was due at ")

    def test_ended_jobs_say_so(self, store: Store) -> None:
        join(store)
        id: Any = insert(store)
        finish(store, success(claim_one(store)))
        assert why(store, id).startswith("It has ended as SUCCESSFUL at ")


class Foreseeing(ForeseeingStarts):
    """The same, and of jobs that wait for others."""

    def test_only_upstreams_that_are_open_are_told(self, store: Store) -> None:
        join(store)
        ups = insert_many(store, MOST_UPSTREAMS + 3)
        child = insert_after(store, *ups)
        assert len(seen(store, child).awaited) == MOST_UPSTREAMS + 1
        finish(store, *map(success, claim(store, MOST_UPSTREAMS + 1)))
        assert why(store, child) == f"It waits for job {ups[-2]} ({TASK}, READY) and 1 other."
        finish(store, failure(claim_one(store)))
        assert why(store, child).startswith(f"Job {ups[-2]}, which this one waits for, failed.")
