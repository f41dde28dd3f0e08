"""Promises about limits: of a task by its gate, of tenants and queues by their rows."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from time import monotonic

import pytest

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.rate import Rate, read_rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.jobs.states import State
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import (
    OTHER,
    TASK,
    WORKER,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_many,
    join,
    lose,
    record,
    retry,
    success,
)
from tests.stores.places import Place

SOLO = "host:3:solo"
# More than what stores and tests take between two looks at a clock, less than any slack.
A_MOMENT = 0.01


def gated(max_running: int | None = None, max_rate: str | None = None) -> str:
    """Return the gate of the test task's jobs."""
    return gate_of(TASK, max_running, max_rate)


def tenant(name: str, **values: object) -> Rules:
    """Return what one row of a tenant says."""
    return Rules(tenants={name: TenantRule(**values)})  # type: ignore[arg-type]


def queue(name: str, **values: object) -> Rules:
    """Return what one row of a queue says."""
    return Rules(queues={name: QueueRule(**values)})  # type: ignore[arg-type]


def ids_of(claims: Iterable[Claim]) -> list[str]:
    """Return the ids of claims."""
    return [claimed.id for claimed in claims]


def fence_of(claimed: Claim) -> Fence:
    """Return the fence of a claim."""
    return Fence(claimed.seq, claimed.attempt)


def starts_by_slots(store: Store, clock: FrozenClock, seconds: float) -> Iterator[datetime]:
    """Claim all there is, wait as long as the store says, again; return the times of the starts."""
    until = clock.at + timedelta(seconds=seconds)
    while clock.at < until:
        for claimed in claim(store, 100):
            yield claimed.claimed_at
        wait = store.opens_in(WORKER)
        assert wait is not None
        clock.move(wait + 0.001)


def most_in(starts: list[datetime], period: float) -> int:
    """Return the most starts in any window of so many seconds."""
    window = timedelta(seconds=period)
    return max(
        sum(first <= start < first + window for start in starts[n:])
        for n, first in enumerate(starts)
    )


class Capping:
    """`max_running`, whoever claims and wherever the jobs stand."""

    def test_no_more_jobs_of_a_task_run_than_its_gate_allows(self, store: Store) -> None:
        ids = insert_many(store, 5, gate=gated(2))

        assert ids_of(claim(store, 10)) == ids[:2]
        assert claim(store, 10) == []
        assert claim(store, 10, OTHER) == []
        assert store.opens_in(WORKER) is None

    def test_no_more_jobs_of_a_tenant_run_than_its_row_allows(
        self, store: Store, place: Place
    ) -> None:
        place.rule(store, tenant("acme", max_running=2))
        for name in ("a", "b"):
            insert_many(store, 3, tenant="acme", queue=name)
        other = insert_many(store, 3, tenant="Acme")
        claims = claim(store, 10)

        assert [claimed.tenant for claimed in claims].count("acme") == 2
        assert set(other) < set(ids_of(claims))
        assert claim(store, 10, OTHER) == []

    def test_no_more_jobs_of_a_queue_run_than_its_row_allows(
        self, store: Store, place: Place
    ) -> None:
        place.rule(store, queue("video", max_running=3))
        for name in ("a", "b"):
            insert_many(store, 3, tenant=name, queue="video")
        other = insert(store, queue="mail", tenant="c")
        claims = claim(store, 10)

        assert [claimed.queue for claimed in claims].count("video") == 3
        assert other in ids_of(claims)
        assert {claimed.tenant for claimed in claims if claimed.queue == "video"} == {"a", "b"}
        assert claim(store, 10, OTHER) == []

    def test_a_job_runs_where_all_its_limits_leave_room(self, store: Store, place: Place) -> None:
        rules = Rules({"acme": TenantRule(max_running=2)}, {"video": QueueRule(max_running=4)})
        place.rule(store, rules)
        for name in ("acme", "other"):
            insert_many(store, 5, tenant=name, queue="video", gate=gated(3))
            insert_many(store, 5, tenant=name, queue="video", task="tests.app.tasks.add")
        claims = claim(store, 20)

        assert len(claims) == 4
        assert [claimed.tenant for claimed in claims].count("acme") <= 2
        assert [claimed.task for claimed in claims].count(TASK) <= 3
        assert claim(store, 20, OTHER) == []

    def test_a_cap_counts_the_jobs_of_all_workers_in_all_queues(self, store: Store) -> None:
        for name in ("a", "b", "c"):
            insert_many(store, 2, queue=name, gate=gated(4))

        assert len(claim(store, 3, WORKER, queues=("a",))) == 2
        assert len(claim(store, 1, OTHER, queues=("b",))) == 1
        assert len(claim(store, 5, WORKER)) == 1
        assert claim(store, 5, OTHER) == []

    def test_all_gates_of_a_task_count_the_same_jobs(self, store: Store) -> None:
        insert_many(store, 3, tenant="a", gate=gated(2))
        assert len(claim(store, 10)) == 2
        insert_many(store, 3, tenant="b", gate=gated(3))

        (claimed,) = claim(store, 10)
        assert claimed.tenant == "b"
        assert claim(store, 10) == []

    def test_a_cap_counts_jobs_that_were_enqueued_before_there_was_one(self, store: Store) -> None:
        insert_many(store, 2)
        assert len(claim(store, 5)) == 2
        insert_many(store, 5, gate=gated(3))

        assert len(claim(store, 5)) == 1

    def test_two_tasks_do_not_share_a_cap(self, store: Store) -> None:
        other = "tests.app.tasks.add"
        insert_many(store, 3, gate=gated(1))
        insert_many(store, 3, task=other, gate=gate_of(other, 2, None))

        assert sorted(c.task for c in claim(store, 10)) == [other, other, TASK]

    @pytest.mark.parametrize("how", ["success", "failure", "retry later", "release", "forget"])
    def test_a_job_that_runs_no_more_makes_room_at_once(self, store: Store, how: str) -> None:
        join(store)
        ids = insert_many(store, 3, gate=gated(1))
        claimed = claim_one(store)
        assert claim(store, 1, OTHER) == []
        if how == "release":
            store.release(WORKER, [fence_of(claimed)])
        elif how == "forget":
            store.forget(WORKER)
        else:
            ends = {"success": success, "failure": failure, "retry later": retry}
            values = {"delay": 60.0} if how == "retry later" else {}
            finish(store, ends[how](claimed, **values))

        (again,) = claim(store, 5, OTHER)
        is_back = how in {"release", "forget"}
        assert again.id == ids[0 if is_back else 1]
        assert claim(store, 5, OTHER) == []

    def test_a_retry_waits_for_room_as_any_other_job(self, store: Store) -> None:
        first, second = insert_many(store, 2, gate=gated(1))
        assert finish(store, retry(claim_one(store))) == [State.READY]

        again = claim_one(store)
        assert (again.id, again.attempt) == (first, 2)
        assert claim(store, 5) == []
        finish(store, success(again))
        assert claim_one(store).id == second

    def test_a_job_lost_with_its_worker_makes_room(self, store: Store, place: Place) -> None:
        lost, other = insert_many(store, 2, gate=gated(1))
        lose(store, claim_one(store))

        assert claim_one(store, OTHER).id == (other if place.sets_apart else lost)
        assert claim(store, 5, OTHER) == []

    def test_a_cap_that_is_raised_or_lifted_lets_more_run(self, store: Store, place: Place) -> None:
        place.rule(store, tenant("acme", max_running=1))
        insert_many(store, 5, tenant="acme")
        assert len(claim(store, 5)) == 1
        place.rule(store, tenant("acme", max_running=3))
        assert len(claim(store, 5)) == 2
        place.rule(store, Rules())

        assert len(claim(store, 5)) == 2

    def test_a_cap_that_is_lowered_stops_nothing_that_runs(
        self, store: Store, place: Place
    ) -> None:
        insert_many(store, 5, queue="video")
        running = claim(store, 3)
        place.rule(store, queue("video", max_running=2))

        assert claim(store, 5) == []
        assert finish(store, success(running[0])) == [State.SUCCESSFUL]
        assert claim(store, 5) == []
        finish(store, success(running[1]))
        assert len(claim(store, 5)) == 1


class Rating:
    """`max_rate`: how often jobs start, and who knows when the next one may."""

    @pytest.mark.parametrize("whose", ["task", "tenant"])
    def test_no_window_of_a_period_sees_more_starts_than_its_rate(
        self, frozen: Store, place: Place, clock: FrozenClock, whose: str
    ) -> None:
        rate = read_rate("20/s")
        if whose == "task":
            for n in range(3):
                insert_many(frozen, 40, tenant=f"t{n}", gate=gated(max_rate=str(rate)))
        else:
            place.rule(frozen, tenant("acme", rate=rate))
            for n in range(3):
                insert_many(frozen, 40, tenant="acme", queue=f"q{n}")
        starts = list(starts_by_slots(frozen, clock, 3 * rate.period))

        assert most_in(starts, rate.period) <= rate.starts
        assert len(starts) >= 0.95 * 3 * rate.starts

    def test_the_store_tells_when_the_next_job_may_start(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        insert_many(frozen, 3, gate=gated(max_rate="2/m"))
        rate = Rate(2, 60.0)
        assert len(claim(frozen, 10)) == 1
        assert claim(frozen, 10) == []
        wait = frozen.opens_in(WORKER)
        expected = rate.opens_in(rate.spend(None, clock.at, 1), clock.at)

        assert wait == pytest.approx(expected, abs=1)
        clock.move(expected - A_MOMENT)
        assert claim(frozen, 10) == []
        clock.move(2 * A_MOMENT)
        assert len(claim(frozen, 10)) == 1

    def test_a_worker_whose_starts_come_late_gets_more_time_for_each_and_fewer_of_them(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        rate = read_rate("20/s")
        insert_many(frozen, 3, gate=gated(max_rate=str(rate)))
        late = claim(frozen, 10, free=10, patience=5.0)
        assert len(late) == 1
        assert late[0].start_by is not None
        left = late[0].start_by - late[0].read_at
        assert left == pytest.approx(rate.slack + 5.0, abs=1)
        clock.move(rate.interval.total_seconds() + 4.9)
        assert claim(frozen, 10) == []
        clock.move(0.1 + A_MOMENT)
        assert len(claim(frozen, 10)) == 1

    def test_a_job_of_two_rates_waits_for_both(
        self, frozen: Store, place: Place, clock: FrozenClock
    ) -> None:
        place.rule(frozen, tenant("acme", rate=Rate(1, 60.0)))
        insert_many(frozen, 3, tenant="acme", gate=gated(max_rate="1/s"))
        other = insert(frozen, tenant="other", gate=gated(max_rate="1/s"))
        assert len(claim(frozen, 10)) == 1
        clock.move(1.1)
        rest = claim(frozen, 10)
        clock.move(1.1)

        assert len({claimed.id for claimed in rest} | {other}) <= 2
        assert [claimed.tenant for claimed in claim(frozen, 10) + rest].count("acme") <= 1
        clock.move(61)
        assert [claimed.tenant for claimed in claim(frozen, 10)] == ["acme"]

    def test_a_job_with_a_rate_has_to_start_soon_after_its_claim(self, store: Store) -> None:
        insert_many(store, 2, gate=gated(max_rate="100/m"))
        before = monotonic()
        (claimed,) = claim(store, 1)
        insert(store)
        plain = claim(store, 5, OTHER)

        assert claimed.start_by is not None
        slack = read_rate("100/m").slack
        assert before + slack <= claimed.start_by <= monotonic() + slack
        assert {c.start_by for c in plain if not record(store, c.id).gate} == {None}

    def test_waiting_for_a_rate_costs_no_try(self, frozen: Store, clock: FrozenClock) -> None:
        id = insert(frozen, gate=gated(max_rate="1/m"))
        claimed = claim_one(frozen)
        frozen.release(WORKER, [fence_of(claimed)])
        assert claim(frozen, 5) == []
        clock.move(61)

        again = claim_one(frozen)
        assert (again.id, again.attempt, again.tries) == (id, 2, 0)

    def test_a_rate_is_counted_for_all_workers(self, frozen: Store) -> None:
        insert_many(frozen, 3, gate=gated(max_rate="1/h"))

        assert len(claim(frozen, 10)) == 1
        assert claim(frozen, 10, OTHER) == []
        assert frozen.opens_in(OTHER) == pytest.approx(3600, rel=0.1)

    def test_a_full_cap_is_not_waited_for_by_the_clock(self, frozen: Store) -> None:
        insert_many(frozen, 3, gate=gated(1, "1000/s"))

        assert len(claim(frozen, 10)) == 1
        assert claim(frozen, 10) == []
        assert frozen.opens_in(WORKER) is None


class Pausing:
    """Paused tenants and queues."""

    def test_a_paused_tenant_starts_no_jobs_until_it_is_resumed(
        self, store: Store, place: Place
    ) -> None:
        place.rule(store, tenant("acme", is_paused=True))
        insert_many(store, 3, tenant="acme")
        insert_many(store, 3, tenant="acme", priority=100)
        slow = "tests.app.tasks.add"
        limited = insert(store, tenant="acme", task=slow, gate=gate_of(slow, 1, None))
        other = insert(store, tenant="other")

        assert ids_of(claim(store, 10)) == [other]
        assert store.opens_in(WORKER) is None
        place.rule(store, Rules())
        claims = claim(store, 10)
        assert len(claims) == 7
        assert limited in ids_of(claims)

    def test_a_paused_queue_starts_no_jobs_until_it_is_resumed(
        self, store: Store, place: Place
    ) -> None:
        place.rule(store, queue("video", is_paused=True))
        ids = insert_many(store, 3, queue="video")
        other = insert(store, queue="mail")

        assert claim(store, 10, queues=("video",)) == []
        assert ids_of(claim(store, 10)) == [other]
        place.rule(store, queue("video", max_running=2))
        assert ids_of(claim(store, 10)) == ids[:2]

    def test_many_paused_tenants_hide_nobody(self, store: Store, place: Place) -> None:
        names = [f"t{n:03}" for n in range(100)]
        place.rule(store, Rules({name: TenantRule(is_paused=True) for name in names}))
        for name in names:
            insert(store, tenant=name)
        id = insert(store, tenant="z")

        assert ids_of(claim(store, 1)) == [id]


class Passing:
    """What limits mean to jobs beside and behind those that wait for them."""

    def test_limited_jobs_are_handed_out_for_free_slots_alone(self, store: Store) -> None:
        insert_many(store, 5, tenant="limited", gate=gated(10))
        insert_many(store, 20, tenant="plain")

        first = claim(store, 10, free=2)
        assert [claimed.tenant for claimed in first].count("limited") <= 2
        assert len(first) == 10
        second = claim(store, 10, free=0)
        assert {claimed.tenant for claimed in second} == {"plain"}

    def test_limited_and_plain_jobs_of_a_tenant_start_by_priority(self, store: Store) -> None:
        given = [
            (0, ""),
            (5, gated(10)),
            (10, ""),
            (7, gated(10, "1000/s")),
            (-3, gated(10)),
            (6, ""),
        ]
        ids = [insert(store, priority=priority, gate=gate) for priority, gate in given]

        assert ids_of(claim(store, 3)) == [ids[n] for n in (2, 3, 5)]
        assert ids_of(claim(store, 3)) == [ids[n] for n in (1, 0, 4)]

    def test_a_closed_gate_at_the_head_of_a_lane_slows_nobody(self, store: Store) -> None:
        insert_many(store, 50, priority=50, gate=gated(1))
        assert len(claim(store, 1)) == 1
        mine = insert_many(store, 3)
        others = insert_many(store, 3, tenant="other")

        assert sorted(ids_of(claim(store, 10))) == sorted(mine + others)

    def test_critical_jobs_behind_a_closed_gate_slow_nobody(self, store: Store) -> None:
        insert_many(store, 20, priority=100, gate=gated(1))
        assert len(claim(store, 1)) == 1
        ids = insert_many(store, 3)

        assert ids_of(claim(store, 3)) == ids

    def test_many_closed_gates_hide_nothing_behind_them(self, store: Store) -> None:
        for n in range(40):
            task = f"tests.app.tasks.t{n:02}"
            insert_many(store, 2, task=task, gate=gate_of(task, 1, None))
        assert len(claim(store, 100)) == 40
        id = insert(store, tenant="z")

        assert ids_of(claim(store, 1)) == [id]

    def test_the_jobs_of_many_tenants_pass_one_gate_in_turn(self, store: Store) -> None:
        for name in ("a", "b", "c"):
            insert_many(store, 3, tenant=name, gate=gated(1))
        served = []
        for _ in range(9):
            (claimed,) = claim(store, 5)
            served.append(claimed.tenant)
            finish(store, success(claimed))

        for turn in (served[:3], served[3:6], served[6:]):
            assert sorted(turn) == ["a", "b", "c"]

    def test_what_one_claim_takes_from_a_gate_is_shared_by_its_tenants(self, store: Store) -> None:
        for name in ("a", "b", "c"):
            insert_many(store, 5, tenant=name, gate=gated(6))

        assert sorted(c.tenant for c in claim(store, 10)) == ["a", "a", "b", "b", "c", "c"]

    def test_a_gate_of_a_later_release_bounds_by_what_is_understood(self, store: Store) -> None:
        insert_many(store, 3, tenant="a", gate=f"{TASK} flavor=sour")
        insert(store, tenant="a", gate=f"{TASK} max_running=some max_rate=often")
        assert len(claim(store, 10)) == 4
        insert_many(store, 3, tenant="b", gate=f"{TASK} flavor=sour max_running=5")

        assert len(claim(store, 10)) == 1


class Limiting(Capping, Rating, Pausing, Passing):
    """Exact over all workers, and no burden to those that have no limits."""


class LimitingSuspects:
    """Suspects are bound by what bounds their lanes, of the stores that set them apart."""

    def test_a_suspect_waits_for_room_behind_its_gate(self, store: Store) -> None:
        suspect, other = insert_many(store, 2, gate=gated(1))
        lose(store, claim_one(store))
        running = claim_one(store, OTHER)

        assert running.id == other
        assert claim(store, 1, SOLO, suspects=True) == []
        finish(store, success(running), worker=OTHER)
        assert ids_of(claim(store, 5, SOLO, suspects=True)) == [suspect]

    def test_a_suspect_that_may_not_run_hides_none_behind_it(
        self, store: Store, place: Place
    ) -> None:
        insert(store, priority=9, tenant="paused")
        insert_many(store, 2, priority=5, gate=gated(2))
        plain = insert(store)
        lose(store, *claim(store, 4))
        place.rule(store, tenant("paused", is_paused=True))
        insert(store, gate=gated(1))
        insert(store, gate=gated(2))
        assert len(claim(store, 5)) == 2

        assert ids_of(claim(store, 5, SOLO, suspects=True)) == [plain]
        place.rule(store, Rules())
        (resumed,) = claim(store, 5, SOLO, suspects=True)
        assert resumed.tenant == "paused"
        assert store.has_suspects()

    def test_suspects_count_as_starts(self, frozen: Store, clock: FrozenClock) -> None:
        first, second = insert_many(frozen, 2, gate=gated(max_rate="1/m"))
        lose(frozen, claim_one(frozen))
        clock.move(70)
        lose(frozen, claim_one(frozen))
        assert claim(frozen, 2, SOLO, suspects=True) == []
        clock.move(70)

        (claimed,) = claim(frozen, 2, SOLO, suspects=True)
        assert (claimed.id, claimed.start_by is None) == (first, False)
        clock.move(70)
        assert ids_of(claim(frozen, 2, SOLO, suspects=True)) == [second]

    def test_suspects_of_a_full_queue_and_of_a_full_tenant_wait(
        self, store: Store, place: Place
    ) -> None:
        for name in ("a", "b"):
            insert_many(store, 2, tenant=name, queue=name)
        lose(store, *claim(store, 4))
        place.rule(store, Rules({"a": TenantRule(max_running=1)}, {"b": QueueRule(max_running=1)}))

        claims = claim(store, 10, SOLO, suspects=True)
        assert sorted(claimed.tenant for claimed in claims) == ["a", "b"]
        assert claim(store, 10, SOLO, suspects=True) == []
        finish(store, *map(success, claims), worker=SOLO)
        assert len(claim(store, 10, SOLO, suspects=True)) == 2

    def test_a_solo_worker_takes_suspects_of_its_tenants_before_those_it_may_steal(
        self, store: Store
    ) -> None:
        ids = {
            name: insert(store, tenant=name, priority=priority)
            for name, priority in (("own", 0), ("stolen", 5), ("foreign", 9))
        }
        lose(store, *claim(store, 3))
        asked = {"suspects": True, "tenants": Tenants(["own"])}

        assert ids_of(claim(store, 1, SOLO, **asked, steal=Tenants(["stolen"]))) == [ids["own"]]
        assert claim(store, 5, SOLO, **asked) == []
        steal = Tenants(["own", "foreign"], is_rest=True)
        assert ids_of(claim(store, 5, SOLO, **asked, steal=steal)) == [ids["stolen"]]
        assert ids_of(claim(store, 5, SOLO, suspects=True)) == [ids["foreign"]]

    def test_a_page_full_of_suspects_that_wait_hides_none_behind_it(self, store: Store) -> None:
        insert_many(store, 250, priority=5, gate=gated(250))
        plain = insert(store)
        lose(store, *claim(store, 300))
        running = insert_many(store, 250, gate=gated(250))
        assert len(claim(store, 300)) == len(running)

        assert ids_of(claim(store, 5, SOLO, suspects=True)) == [plain]
