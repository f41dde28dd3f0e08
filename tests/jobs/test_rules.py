"""What operators say of tenants and queues, as the claims ask for it."""

from django_taskq.jobs.limits import NO_GATE, Limit, gate_of
from django_taskq.jobs.rate import Rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule

RULES = Rules(
    tenants={
        "heavy": TenantRule(weight=4),
        "capped": TenantRule(max_running=2, rate=Rate(5, 1.0)),
        "slow": TenantRule(rate=Rate(1, 60.0)),
        "paused": TenantRule(is_paused=True),
        "": TenantRule(weight=2, max_running=9),
    },
    queues={"narrow": QueueRule(max_running=3), "closed": QueueRule(is_paused=True)},
)


def test_tenants_and_queues_without_a_row_have_weight_1_and_no_limit() -> None:
    for rules in (Rules(), RULES):
        assert rules.weight_of("unknown") == 1
        assert not rules.is_paused("unknown", "unknown")
        assert rules.limits_of("unknown", "unknown") == ()


def test_a_row_of_weight_says_nothing_else() -> None:
    assert RULES.weight_of("heavy") == 4
    assert RULES.limits_of("default", "heavy") == ()
    assert RULES.weight_of("capped") == 1


def test_a_lane_is_paused_by_its_tenant_and_by_its_queue() -> None:
    assert RULES.is_paused("default", "paused")
    assert RULES.is_paused("closed", "heavy")
    assert not RULES.is_paused("narrow", "heavy")
    assert RULES.paused_tenants() == {"paused"}
    assert RULES.paused_queues() == {"closed"}


def test_the_limits_of_a_lane_are_those_of_its_gate_its_tenant_and_its_queue() -> None:
    gate = gate_of("shop.tasks.report", 7, "9/h")

    assert RULES.limits_of("narrow", "capped", gate) == (
        Limit("queue:narrow", 3),
        Limit("task:shop.tasks.report", 7, Rate(9, 3600.0)),
        Limit("tenant:capped", 2, Rate(5, 1.0)),
    )
    assert RULES.limits_of("default", "slow") == (Limit("tenant:slow", None, Rate(1, 60.0)),)
    assert RULES.limits_of("default", "", NO_GATE) == (Limit("tenant:", 9),)


def test_limits_are_sorted_by_key_so_that_all_lock_them_in_one_order() -> None:
    for queue in ("narrow", "default"):
        for tenant in ("capped", "slow", ""):
            for gate in (NO_GATE, gate_of("a.b", 1, None), gate_of("z.z", 1, None)):
                keys = [limit.key for limit in RULES.limits_of(queue, tenant, gate)]
                assert keys == sorted(keys)
