"""Whose job starts next: shares of worker time, debts, the critical band, shares of slots."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_taskq.jobs.fairness import (
    GUESS,
    LEAD,
    MOST_KNOWN,
    ONE_IN,
    OVERHEAD,
    SEEN_FOR,
    Accounts,
    Handed,
)
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.spec import Band
from tests.jobs.slots import Slots, jain, lanes_of

EVEN = "abcd"


def weigh(tenant: str) -> int:
    """Give all tenants the same weight."""
    return 1


def picked(accounts: Accounts, lanes: Sequence[Lane], wanted: int, **values: float) -> str:
    """Return the tenants of a plan, in the order of their starts; slots are as many as wanted."""
    slots, now = int(values.get("slots", wanted)), values.get("now", 0.0)
    return "".join(lanes[place].tenant for place in accounts.plan(lanes, wanted, slots, weigh, now))


def bands(accounts: Accounts, lanes: Sequence[Lane], wanted: int) -> str:
    """Return the bands of a plan: C for critical, r for the rest."""
    places = accounts.plan(lanes, wanted, wanted, weigh, 0.0)
    return "".join("C" if lanes[place].band == Band.CRITICAL else "r" for place in places)


def work(accounts: Accounts, tenant: str, seconds: float, seq: int = 0) -> None:
    """Have a tenant's job run for so long, from its claim to its end."""
    accounts.charge([Handed(seq, tenant, "task", Band.REGULAR)], weigh)
    accounts.settle(seq, seconds)


# Shares of worker time.


@pytest.mark.parametrize("slots", [1, 4, 16])
def test_worker_time_is_shared_by_weight(slots: int) -> None:
    weights = {"a": 1, "b": 2, "c": 4, "d": 8}
    worker = Slots(dict.fromkeys(EVEN, lambda: 0.002), slots=slots, weights=weights)
    used = worker.run(20)

    for tenant, weight in weights.items():
        assert used[tenant] / used.total() == pytest.approx(weight / 15, rel=0.02)


@pytest.mark.parametrize("slots", [1, 4, 16])
def test_tenants_of_long_jobs_get_no_more_time_than_those_of_short_ones(slots: int) -> None:
    worker = Slots({"a": lambda: 0.001, "b": lambda: 0.01, "c": lambda: 0.1}, slots=slots)
    worker.run(1)

    for _ in range(3):
        used = worker.run(10)
        assert jain([used[tenant] for tenant in "abc"]) >= 0.98


@pytest.mark.parametrize("slots", [1, 4, 16])
def test_jobs_whose_lengths_vary_cost_their_tenant_no_share(slots: int) -> None:
    chance = random.Random(7)
    worker = Slots(
        {
            "even": lambda: 0.01,
            "uneven": lambda: chance.expovariate(100),
            "wild": lambda: 0.091 if chance.random() < 0.1 else 0.001,
        },
        slots=slots,
    )
    used = worker.run(60)

    for tenant in worker.lengths:
        assert used[tenant] / used.total() == pytest.approx(1 / 3, rel=0.02)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 8), st.floats(0.001, 0.05)), min_size=2, max_size=6),
    st.integers(1, 8),
)
def test_whatever_the_weights_and_lengths_time_is_shared_by_weight(
    tenants: list[tuple[int, float]], slots: int
) -> None:
    weights = {str(place): weight for place, (weight, _) in enumerate(tenants)}
    worker = Slots(
        {str(place): lambda length=length: length for place, (_, length) in enumerate(tenants)},
        slots=slots,
        weights=weights,
    )
    worker.run(1)
    used = worker.run(15)

    # One job more or less in each slot is what no order could avoid.
    grain = slots * 0.05
    for tenant, weight in weights.items():
        fair = used.total() * weight / sum(weights.values())
        assert abs(used[tenant] - fair) <= 0.02 * fair + 2 * grain


def test_a_lone_tenant_gets_everything() -> None:
    accounts = Accounts(share=0.5)

    assert picked(accounts, lanes_of("a"), 5) == "aaaaa"
    assert accounts.plan([], 5, 5, weigh, 0.0) == []


# Turns.


def test_tenants_of_equal_standing_are_served_in_the_order_of_the_ring() -> None:
    assert picked(Accounts(), lanes_of("bcda"), 8) == "bcdabcda"


@given(st.integers(2, 40), st.integers(1, 40))
def test_nobody_waits_longer_than_two_rounds_of_equal_jobs(count: int, batch: int) -> None:
    accounts, tenants = Accounts(), [f"t{number}" for number in range(count)]
    waited = dict.fromkeys(tenants, 0)
    seq = 0
    for _ in range(4 * count // batch + 2):
        for place in accounts.plan(lanes_of(tenants), batch, batch, weigh, 0.0):
            seq += 1
            work(accounts, tenants[place], GUESS - OVERHEAD, seq)
            for tenant in tenants:
                waited[tenant] += 1
            waited[tenants[place]] = 0
            # First in one round, last in the next.
            assert max(waited.values()) < 2 * count


def test_a_newcomer_is_served_before_those_in_debt() -> None:
    accounts = Accounts()
    for seq in range(5):
        work(accounts, "a", 0.1, seq)

    assert picked(accounts, lanes_of("ab"), 2) == "bb"


def test_whoever_returns_has_saved_nothing() -> None:
    accounts = Accounts()
    work(accounts, "a", 0.001)
    for seq in range(1000):
        picked(accounts, lanes_of("b"), 1)
        work(accounts, "b", 0.001, seq)
    picked(accounts, lanes_of("b"), 1)

    # Not a thousand for the one who was away, but one and one.
    assert Counter(picked(accounts, lanes_of("ab"), 20)) == {"a": 10, "b": 10}


def test_whoever_returns_still_has_its_debt() -> None:
    accounts = Accounts()
    work(accounts, "a", 1.0)
    debt = accounts.account("a")
    for seq in range(3):
        picked(accounts, lanes_of("b"), 1)
        work(accounts, "b", 0.1, seq)

    assert accounts.account("a") == debt == pytest.approx(1.0, abs=0.001)
    assert picked(accounts, lanes_of("ab"), 6, now=SEEN_FOR) == "bbbbbb"


def test_a_long_job_of_one_who_was_away_is_forgiven_as_far_as_others_had_as_much() -> None:
    accounts = Accounts()
    accounts.charge([Handed(1, "a", "long", Band.REGULAR)], weigh)
    for seq in range(10, 20):
        picked(accounts, lanes_of("b"), 1)
        work(accounts, "b", 1.0, seq)
    picked(accounts, lanes_of("b"), 1)
    accounts.settle(1, 9.0)

    assert accounts.account("a") == accounts.account("b")


# What a job costs.


def test_a_job_is_charged_what_its_task_took_and_corrected_to_what_it_takes() -> None:
    accounts = Accounts()
    work(accounts, "x", 0.2)
    accounts.charge([Handed(1, "a", "task", Band.REGULAR), Handed(2, "b", "new", 1)], weigh)

    assert accounts.account("a") == pytest.approx(0.2 + OVERHEAD)
    assert accounts.account("b") == pytest.approx(GUESS)
    accounts.settle(1, 0.05)
    accounts.settle(2, 0.3)
    assert accounts.account("a") == pytest.approx(0.05 + OVERHEAD)
    assert accounts.account("b") == pytest.approx(0.3 + OVERHEAD)


def test_a_job_that_never_ran_costs_nothing_and_teaches_nothing() -> None:
    accounts = Accounts()
    accounts.charge([Handed(1, "a", "task", Band.REGULAR)], weigh)

    assert accounts.settle(1, None)
    assert accounts.account("a") == 0
    assert accounts.cost("a") == GUESS


def test_a_job_is_settled_once() -> None:
    accounts = Accounts()
    accounts.charge([Handed(1, "a", "task", Band.REGULAR)], weigh)
    assert (accounts.holds(1), accounts.held("a")) == (True, 1)

    assert accounts.settle(1, 0.1)
    standing = accounts.account("a")
    assert not accounts.settle(1, 0.1)
    assert not accounts.settle(2, 0.1)
    assert accounts.account("a") == standing
    assert (accounts.holds(1), accounts.held("a")) == (False, 0)


def test_weights_divide_what_a_job_costs_even_where_they_change_before_its_end() -> None:
    accounts = Accounts()
    accounts.charge([Handed(1, "a", "task", Band.REGULAR)], lambda tenant: 4)
    accounts.settle(1, 0.4)

    assert accounts.account("a") == pytest.approx((0.4 + OVERHEAD) / 4)


def test_a_clock_that_went_back_makes_no_job_cheaper_than_nothing() -> None:
    accounts = Accounts()
    work(accounts, "a", -5.0)

    assert accounts.account("a") == pytest.approx(OVERHEAD)


# The critical band.


def test_critical_work_comes_first_but_for_one_job_in_sixteen() -> None:
    lanes = [*lanes_of("a", Band.CRITICAL), *lanes_of("b")]

    assert bands(Accounts(), lanes, 2 * ONE_IN) == ("C" * (ONE_IN - 1) + "r") * 2


def test_the_one_in_sixteen_is_counted_over_claims() -> None:
    accounts = Accounts()
    lanes = [*lanes_of("a", Band.CRITICAL), *lanes_of("b")]
    served = ""
    for seq in range(3 * ONE_IN):
        (place,) = accounts.plan(lanes, 1, 1, weigh, 0.0)
        accounts.charge([Handed(seq, lanes[place].tenant, "task", lanes[place].band)], weigh)
        accounts.settle(seq, None)
        served += "Cr"[lanes[place].band]

    assert served == ("C" * (ONE_IN - 1) + "r") * 3


def test_critical_tenants_take_turns() -> None:
    lanes = [*lanes_of("ab", Band.CRITICAL), *lanes_of("c")]

    assert picked(Accounts(), lanes, 4) == "abab"


def test_critical_work_alone_gets_everything() -> None:
    assert bands(Accounts(), lanes_of("ab", Band.CRITICAL), 40) == "C" * 40


def test_a_tenant_far_ahead_has_no_critical_turn_until_the_others_have_caught_up() -> None:
    accounts = Accounts()
    work(accounts, "a", 3 * LEAD)
    lanes = [*lanes_of("a", Band.CRITICAL), *lanes_of("b")]

    assert bands(accounts, lanes, 1) == "r"
    work(accounts, "b", 2.5 * LEAD)
    assert bands(accounts, lanes, 1) == "C"


def test_a_tenant_in_debt_does_its_own_critical_work_first() -> None:
    accounts = Accounts()
    work(accounts, "a", 10 * LEAD)
    lanes = [*lanes_of("a"), *lanes_of("a", Band.CRITICAL)]

    assert bands(accounts, lanes, 4) == "CCCC"


# The share of slots.


def hold(accounts: Accounts, tenant: str, count: int, first: int = 1) -> None:
    """Hand out jobs of a tenant that do not end."""
    accounts.charge(
        [Handed(seq, tenant, "long", Band.REGULAR) for seq in range(first, first + count)], weigh
    )


def test_nobody_holds_more_than_its_share_of_the_slots_while_others_wait() -> None:
    accounts = Accounts(share=0.5)

    assert Counter(picked(accounts, lanes_of("ab"), 9, slots=8)) == {"a": 4, "b": 4}
    hold(accounts, "a", 3)
    assert Counter(picked(accounts, lanes_of("ab"), 9, slots=8)) == {"a": 1, "b": 4}


def test_a_share_is_kept_free_for_a_while_after_others_were_seen_and_then_given_up() -> None:
    accounts = Accounts(share=0.5)
    picked(accounts, lanes_of("ab"), 1, slots=8)

    assert picked(accounts, lanes_of("a"), 8, slots=8, now=SEEN_FOR - 0.01) == "aaaa"
    assert picked(accounts, lanes_of("a"), 8, slots=8, now=SEEN_FOR) == "aaaaaaaa"


def test_a_share_is_always_at_least_one_job() -> None:
    assert sorted(picked(Accounts(share=0.01), lanes_of("ab"), 9, slots=4)) == ["a", "b"]


def test_short_jobs_may_always_be_held_in_a_batch() -> None:
    accounts = Accounts(share=0.5)
    work(accounts, "a", 0.001 - OVERHEAD)
    work(accounts, "b", 1.0)

    # 5 ms of the one, and half of two slots for the other.
    assert Counter(picked(accounts, lanes_of("ab"), 99, slots=2)) == {"a": 5, "b": 1}


def test_without_a_share_one_tenant_may_hold_everything() -> None:
    accounts = Accounts()
    hold(accounts, "b", 100)

    assert picked(accounts, lanes_of("ab"), 8) == "aaaaaaaa"


# What is remembered.


def test_what_is_remembered_stays_bounded_and_debts_are_kept() -> None:
    accounts = Accounts()
    work(accounts, "debtor", 100.0)
    picked(accounts, lanes_of(["new"]), 1)
    for seq in range(3 * MOST_KNOWN):
        accounts.charge([Handed(seq, f"t{seq}", f"task {seq}", Band.REGULAR)], weigh)
        accounts.settle(seq, None if seq % 2 else 0.0)
        if seq % 1000 == 0:
            # The level passes by all but the debtor.
            work(accounts, "walker", 1.0, -1)
            picked(accounts, lanes_of(["walker"]), 1)

    kept = (accounts._paid, accounts._owed, accounts._task_means, accounts._tenant_means)
    assert max(map(len, kept)) <= MOST_KNOWN
    assert not accounts._in_hand
    assert not accounts._held
    assert accounts.account("debtor") == pytest.approx(100.0, abs=0.001)
