"""Promises of claim: what is handed out, to whom, in which order."""

import threading
from collections import Counter
from datetime import timedelta
from time import monotonic

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.deadlines import wait_until
from tests.stores.jobs import (
    OTHER,
    WORKER,
    Thread,
    claim,
    claim_one,
    finish,
    insert,
    insert_later,
    insert_many,
    record,
    retry,
    spec,
    state,
    success,
)
from tests.stores.places import Place

THREADS = 8


def ids_of(claims: list[Claim]) -> list[str]:
    """Return the ids of claims."""
    return [claimed.id for claimed in claims]


def tenants_of(claims: list[Claim]) -> list[str]:
    """Return the tenants of claims."""
    return [claimed.tenant for claimed in claims]


class Claiming:
    """Order, limits, queues, tenants, and that no two get the same."""

    def test_a_claim_tells_all_that_a_worker_needs(self, store: Store) -> None:
        before = monotonic()
        id = insert(store, args="[1]", kwargs='{"a":1}', queue="mail", tenant="acme", priority=3,
                    max_tries=2, metadata='{"m":1}', options='{"o":1}')  # fmt: skip
        claimed = claim_one(store)
        job = record(store, id)

        assert (claimed.id, claimed.seq, claimed.task) == (id, job.seq, job.task)
        assert (claimed.args, claimed.kwargs) == ("[1]", '{"a":1}')
        assert (claimed.queue, claimed.tenant, claimed.priority) == ("mail", "acme", 3)
        assert (claimed.attempt, claimed.tries, claimed.lost, claimed.max_tries) == (1, 0, 0, 2)
        assert (claimed.metadata, claimed.options, claimed.ctx) == ('{"m":1}', '{"o":1}', None)
        assert claimed.worker_id == job.worker_id == WORKER
        assert claimed.enqueued_at == job.enqueued_at
        assert claimed.claimed_at == job.claimed_at
        assert (claimed.started_at, claimed.worker_ids or "[]", claimed.errors) == (None, "[]", ())
        assert before <= claimed.read_at <= monotonic()
        assert (job.state, job.attempt, job.tries) == (State.RUNNING, 1, 0)
        assert (job.started_at, job.worker_ids) == (None, [])

    def test_no_more_than_the_limit_is_handed_out(self, store: Store) -> None:
        ids = insert_many(store, 5)

        assert ids_of(claim(store, 2)) == ids[:2]
        assert ids_of(claim(store, 10)) == ids[2:]
        assert claim(store, 10) == []

    def test_jobs_of_one_rank_start_in_the_order_of_insertion(self, store: Store) -> None:
        ids = [insert(store) for _ in range(5)]

        assert [claim_one(store).id for _ in ids] == ids

    def test_a_larger_priority_starts_first(self, store: Store) -> None:
        given = [0, 5, -100, 99, 5, -1]
        ids = dict(zip([insert(store, priority=p) for p in given], given, strict=True))
        claimed = ids_of(claim(store, 10))

        assert [ids[id] for id in claimed] == sorted(given, reverse=True)
        fives = [id for id, priority in ids.items() if priority == 5]
        assert [id for id in claimed if id in fives] == fives

    def test_a_priority_counts_as_seconds_of_waiting_where_it_ages(
        self, place: Place, clock: FrozenClock
    ) -> None:
        store = place.open(clock, priority_aging=2.0)
        old = insert(store)
        clock.move(15)
        older_by_its_priority = insert(store, priority=10)
        newer = insert(store, priority=7)

        assert ids_of(claim(store, 5)) == [older_by_its_priority, old, newer]
        store.close()

    def test_an_old_job_of_low_priority_comes_before_a_newer_one_of_a_higher(
        self, place: Place, clock: FrozenClock
    ) -> None:
        store = place.open(clock, priority_aging=1.0)
        old = insert(store, priority=-5)
        clock.move(60)
        high = insert(store, priority=50)

        assert ids_of(claim(store, 2)) == [old, high]
        store.close()

    def test_a_job_that_runs_again_keeps_the_age_that_it_has(
        self, place: Place, clock: FrozenClock
    ) -> None:
        store = place.open(clock, priority_aging=1.0)
        again = insert(store)
        finish(store, retry(claim_one(store), 5))
        clock.move(30)
        newer = insert(store, priority=20)
        store.promote(10)

        assert ids_of(claim(store, 2)) == [again, newer]
        store.close()

    def test_a_job_for_later_ages_from_the_time_it_may_run(
        self, place: Place, clock: FrozenClock
    ) -> None:
        store = place.open(clock, priority_aging=1.0)
        later = insert_later(store, 60)
        clock.move(50)
        ready = insert(store)
        clock.move(20)
        store.promote(10)

        assert ids_of(claim(store, 2)) == [ready, later]
        store.close()

    def test_critical_work_comes_before_any_other(self, store: Store) -> None:
        insert(store, tenant="a", queue="a", priority=99)
        insert(store, tenant="b", queue="b", priority=99)
        critical = [insert(store, tenant=t, queue=t, priority=100) for t in ("z", "y")]

        assert set(ids_of(claim(store, 2))) == set(critical)
        assert len(claim(store, 5)) == 2

    def test_one_job_in_sixteen_comes_from_the_rest_beside_critical_work(
        self, store: Store
    ) -> None:
        insert_many(store, 40, tenant="urgent", priority=100)
        insert_many(store, 4, tenant="calm")

        assert [n for n, c in enumerate(claim(store, 34)) if c.tenant == "calm"] == [15, 31]

    def test_a_tenant_far_ahead_of_others_has_no_critical_turn(self, store: Store) -> None:
        insert_many(store, 3, tenant="urgent", priority=100)
        claimed = claim_one(store)
        second = timedelta(seconds=1)
        finish(store, success(claimed, finished_at=claimed.claimed_at + second))
        insert_many(store, 2, tenant="calm")

        assert tenants_of(claim(store, 4)) == ["calm", "calm", "urgent", "urgent"]

    def test_a_tenant_of_long_jobs_waits_until_others_had_as_much_time(self, store: Store) -> None:
        insert_many(store, 5, tenant="long")
        claimed = claim_one(store)
        finish(store, success(claimed, finished_at=claimed.claimed_at + timedelta(seconds=1)))
        insert_many(store, 5, tenant="short", task="tests.app.tasks.add")

        assert tenants_of(claim(store, 6)) == ["short"] * 5 + ["long"]

    def test_tenants_are_served_in_turn_by_single_claims(self, store: Store) -> None:
        insert_many(store, 40, tenant="flood")
        for tenant in ("b", "c"):
            insert_many(store, 3, tenant=tenant)
        served = [claim_one(store).tenant for _ in range(9)]

        for turn in (served[:3], served[3:6], served[6:]):
            assert sorted(turn) == ["b", "c", "flood"]

    def test_tenants_share_a_batch_in_turn(self, store: Store) -> None:
        insert_many(store, 40, tenant="flood")
        for tenant in ("b", "c"):
            insert_many(store, 10, tenant=tenant)
        served = tenants_of(claim(store, 9))

        assert Counter(served) == {"flood": 3, "b": 3, "c": 3}
        for turn in (served[:3], served[3:6], served[6:]):
            assert sorted(turn) == ["b", "c", "flood"]

    def test_what_small_tenants_leave_goes_to_the_others(self, store: Store) -> None:
        flood = insert_many(store, 40, tenant="flood")
        small = insert(store, tenant="small")
        served = ids_of(claim(store, 10))

        assert len(served) == 10
        assert small in served
        assert [id for id in served if id != small] == flood[:9]

    def test_a_newcomer_is_served_at_the_next_turn(self, store: Store) -> None:
        insert_many(store, 40, tenant="flood")
        claim(store, 20)
        newcomer = insert(store, tenant="newcomer")

        assert newcomer in ids_of(claim(store, 2))

    def test_priority_counts_within_a_tenant_only(self, store: Store) -> None:
        insert_many(store, 5, tenant="loud", priority=99)
        quiet = insert(store, tenant="quiet", priority=-100)

        assert quiet in ids_of(claim(store, 2))

    def test_tenants_take_turns_in_the_critical_band_too(self, store: Store) -> None:
        insert_many(store, 5, tenant="a", priority=100)
        insert_many(store, 5, tenant="b", priority=100)

        assert sorted(tenants_of(claim(store, 4))) == ["a", "a", "b", "b"]

    def test_queues_are_served_in_turn(self, store: Store) -> None:
        for queue in ("a", "b"):
            insert_many(store, 4, queue=queue)
        served = [claim_one(store).queue for _ in range(4)]

        assert sorted(served) == ["a", "a", "b", "b"]
        assert sorted(served[:2]) == ["a", "b"]

    def test_a_batch_is_filled_from_several_queues(self, store: Store) -> None:
        ids = {insert(store, queue=f"q{n}") for n in range(6)}

        assert set(ids_of(claim(store, 6))) == ids

    def test_only_the_queues_asked_for_are_served(self, store: Store) -> None:
        ids = {queue: insert(store, queue=queue) for queue in ("a", "b", "c")}

        assert claim(store, 5, queues=()) == []
        assert claim(store, 5, queues=("nowhere",)) == []
        assert set(ids_of(claim(store, 5, queues=("c", "a")))) == {ids["a"], ids["c"]}
        assert ids_of(claim(store, 5)) == [ids["b"]]

    def test_excluded_queues_are_left_alone(self, store: Store) -> None:
        ids = {queue: insert(store, queue=queue) for queue in ("a", "b", "c")}
        excluded = frozenset({"a", "nowhere"})

        claimed = claim(store, 5, queues=("a", "b"), excluded_queues=excluded)
        assert ids_of(claimed) == [ids["b"]]
        assert ids_of(claim(store, 5, excluded_queues=excluded)) == [ids["c"]]
        assert state(store, ids["a"]) == State.READY

    def test_names_are_told_apart_byte_by_byte(self, store: Store) -> None:
        for name in ("Acme", "acme", "acmé"):
            insert(store, queue=name, tenant=name)

        (claimed,) = claim(store, 5, queues=("acme",))
        assert (claimed.queue, claimed.tenant) == ("acme", "acme")

    def test_a_claim_after_a_retry_knows_what_went_before(self, store: Store) -> None:
        insert(store, max_tries=3)
        first = claim_one(store)
        finish(store, retry(first, text="one", metadata='{"n":1}', ctx='{"c":1}'))
        second = claim_one(store, OTHER)

        assert (second.attempt, second.tries, second.worker_id) == (2, 1, OTHER)
        assert (second.metadata, second.ctx) == ('{"n":1}', '{"c":1}')
        assert second.started_at == first.claimed_at
        assert second.worker_ids is not None
        assert [error.traceback for error in second.errors] == ["Traceback\nValueError: one\n"]

    def test_threads_that_claim_at_once_never_get_the_same_job(self, store: Store) -> None:
        specs = [spec(tenant=f"t{n % 5}", queue=f"q{n % 3}") for n in range(240)]
        wanted = {inserted.id for inserted in store.insert(specs)}
        got: list[str] = []
        start = threading.Barrier(THREADS)

        def work(worker: str) -> None:
            start.wait(10)

            def take() -> bool:
                claims = claim(store, 7, worker)
                got.extend(ids_of(claims))
                finish(store, *[success(item) for item in claims], worker=worker)
                return len(got) >= len(wanted)

            wait_until(take, timeout=30, what="all jobs to be claimed")

        threads = [Thread(lambda n=n: work(f"w{n}")) for n in range(THREADS)]
        for thread in threads:
            thread.result(60)
        assert len(got) == len(wanted)
        assert set(got) == wanted
        assert {job.attempt for job in store.get(list(wanted))} == {1}
        assert {job.state for job in store.get(list(wanted))} == {State.SUCCESSFUL}
