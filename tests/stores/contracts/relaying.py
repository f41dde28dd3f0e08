"""Promises of a relay: a finish that may hand what it frees to the worker that wrote it."""

from typing import Any

import pytest

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.relay import Relayed
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.jobs.states import State
from django_taskq.jobs.tenants import Tenants
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
    now_of,
    record,
    retry,
    state,
    success,
)
from tests.stores.places import Place

GATE = gate_of("t", 1, None)


def relay(store: Store, *outcomes: Outcome, room: int = 4, **values: Any) -> Relayed:
    """Finish for a worker that has room for more."""
    return store.relay(WORKER, outcomes, ClaimRequest(WORKER, room, free=room, **values))


def next_of(store: Store, relayed: Relayed) -> list[Claim]:
    """Return what was handed over, or else what a claim finds."""
    return list(relayed.claims) or claim(store, 10)


class Relaying:
    """What a store promises that may hand over, and need not."""

    def test_a_relay_ends_jobs_as_a_finish_does(self, store: Store) -> None:
        join(store)
        good, bad, late = insert(store), insert(store), insert(store)
        claims = {claimed.id: claimed for claimed in claim(store, 3)}
        finish(store, success(claims[late]))
        outcomes = [success(claims[late]), failure(claims[bad]), success(claims[good], "7")]
        assert list(relay(store, *outcomes).states) == [None, State.FAILED, State.SUCCESSFUL]
        assert record(store, good).result == "7"

    def test_a_freed_job_is_in_hand_or_ready_and_its_claim_is_whole(self, store: Store) -> None:
        join(store)
        first = insert(store, tenant="t")
        child = insert_after(
            store, first, args="[1]", kwargs='{"a": 2}', priority=3, tenant="t", queue="q"
        )
        relayed = relay(store, success(claim_one(store)))
        (claimed,) = next_of(store, relayed)
        found = record(store, child)
        assert (found.state, found.worker_id, found.attempt) == (State.RUNNING, WORKER, 1)
        assert found.eligible_at is not None
        assert found.claimed_at is not None
        assert claimed._replace(read_at=0.0) == Claim(
            claimed.seq, child, found.task, "[1]", '{"a": 2}', "q", "t", 3, 1, 0, 0, None, WORKER,
            found.enqueued_at, None, found.claimed_at, None, None, None, None, None, None, None,
            None, None, None, None, read_at=0.0,
        )  # fmt: skip
        assert finish(store, success(claimed)) == [State.SUCCESSFUL]

    def test_a_chain_goes_through_by_relays_and_each_job_runs_once(self, store: Store) -> None:
        join(store)
        ids = [insert(store)]
        for _ in range(6):
            ids.append(insert_after(store, ids[-1]))
        ran, claims = [], claim(store)
        while claims:
            (claimed,) = claims
            ran.append(claimed.id)
            claims = next_of(store, relay(store, success(claimed)))
        assert ran == ids

    def test_a_look_after_relays_moves_nothing_that_they_have_moved(self, store: Store) -> None:
        join(store)
        first = insert(store)
        child = insert_after(store, first)
        grandchild = insert_after(store, child)
        claims = next_of(store, relay(store, success(claim_one(store))))
        store.look_again()
        assert (state(store, child), state(store, grandchild)) == (State.RUNNING, State.DEFERRED)
        (last,) = next_of(store, relay(store, *map(success, claims)))
        for _ in range(2):
            store.look_again()
            assert (last.id, state(store, grandchild)) == (grandchild, State.RUNNING)

    @pytest.mark.parametrize("rule", TriggerRule)
    def test_upstreams_that_end_together_decide_as_a_finish_does(
        self, store: Store, rule: TriggerRule
    ) -> None:
        join(store)
        for hows in [(success, success), (success, failure), (failure, failure), (success, retry)]:
            pairs = []
            for _ in range(2):
                first, second = insert(store), insert(store)
                pairs.append((insert_after(store, first, second, rule=rule), first, second))
            children = [child for child, *_ in pairs]
            claims = {each.id: each for each in claim(store, 20) if each.id not in children}
            outcomes = [
                [how(claims[id]) for how, id in zip(hows, ups, strict=True)] for _, *ups in pairs
            ]
            relayed = relay(store, *outcomes[0])
            finish(store, *outcomes[1])
            handed = {claimed.id for claimed in relayed.claims}
            by_relay, by_finish = (record(store, child) for child in children)
            found = State.READY if by_relay.id in handed else by_relay.state
            assert (found, by_relay.is_blocked) == (by_finish.state, by_finish.is_blocked)
            for each in (*claim(store, 20), *relayed.claims):
                finish(store, success(each))

    def test_upstreams_that_end_one_by_one_free_a_job_once(self, store: Store) -> None:
        join(store)
        ids = [insert(store) for _ in range(4)]
        child = insert_after(store, *ids)
        claims = claim(store, 4)
        for claimed in claims[:-1]:
            assert not relay(store, success(claimed)).claims
            assert state(store, child) is State.DEFERRED
        assert relay(store, success(claims[0])).states == [None]
        (freed,) = next_of(store, relay(store, success(claims[-1])))
        assert freed.id == child

    def test_a_failure_blocks_and_a_retry_resumes_by_relays_too(self, store: Store) -> None:
        join(store)
        first = insert(store)
        child = insert_after(store, first)
        assert not relay(store, failure(claim_one(store))).claims
        assert record(store, child).is_blocked
        store.retry([first])
        (freed,) = next_of(store, relay(store, success(claim_one(store))))
        assert freed.id == child
        assert not record(store, child).is_blocked

    def test_what_is_ready_keeps_its_turn(self, store: Store) -> None:
        join(store)
        first = insert(store)
        child = insert_after(store, first)
        claimed = claim_one(store)
        other = insert(store, tenant="other")
        assert not relay(store, success(claimed)).claims
        assert {state(store, child), state(store, other)} == {State.READY}

    def test_nothing_is_handed_over_without_room_for_all_that_is_freed(self, store: Store) -> None:
        join(store)
        first = insert(store)
        children = [insert_after(store, first) for _ in range(3)]
        assert not relay(store, success(claim_one(store)), room=2).claims
        assert {state(store, child) for child in children} == {State.READY}

    @pytest.mark.parametrize(
        ("values", "asked"),
        [
            ({"gate": GATE}, {}),
            ({"queue": "far"}, {"queues": ("near",)}),
            ({"queue": "far"}, {"excluded_queues": frozenset({"far"})}),
            ({"tenant": "b"}, {"tenants": Tenants(["a"])}),
            ({"tenant": "b"}, {"tenants": Tenants(["b"], is_rest=True)}),
            ({"tenant": "paused"}, {}),
            ({"tenant": "capped"}, {}),
            ({"queue": "paused"}, {}),
            ({"queue": "capped"}, {}),
        ],
        ids=str,
    )
    def test_only_a_claim_hands_out_what_is_limited_or_not_for_everybody(
        self, place: Place, store: Store, values: dict[str, Any], asked: dict[str, Any]
    ) -> None:
        join(store)
        capped, paused = TenantRule(max_running=1), TenantRule(is_paused=True)
        queues = {"capped": QueueRule(max_running=1), "paused": QueueRule(is_paused=True)}
        tenant = values.get("tenant", "")
        first = insert(store, tenant=tenant)
        child = store.insert([after(first, **{"tenant": tenant, **values})])[0].id
        claimed = claim_one(store)
        place.rule(store, Rules({"capped": capped, "paused": paused}, queues))
        assert not relay(store, success(claimed), **asked).claims
        assert state(store, child) is State.READY

    def test_a_share_of_a_tenant_is_kept_by_claims_alone(self, place: Place) -> None:
        store = place.open(tenant_share=0.5)
        join(store)
        first = insert(store)
        child = insert_after(store, first)
        assert not relay(store, success(claim_one(store))).claims
        assert state(store, child) is State.READY
        store.close()

    def test_a_freed_job_whose_time_has_not_come_waits_for_it(self, store: Store) -> None:
        join(store)
        first = insert(store)
        later = now_of(store).replace(year=now_of(store).year + 1)
        child = insert_after(store, first, run_after=later)
        assert not relay(store, success(claim_one(store))).claims
        assert state(store, child) is State.SCHEDULED

    def test_another_worker_that_may_have_nothing_gets_nothing(self, store: Store) -> None:
        join(store)
        join(store, OTHER)
        first = insert(store)
        child = insert_after(store, first)
        claimed = claim_one(store)
        relayed = store.relay(OTHER, [success(claimed)], ClaimRequest(OTHER, 4))
        assert (list(relayed.states), list(relayed.claims)) == ([None], [])
        assert state(store, child) is State.DEFERRED
