"""The trigger rules, against what they say in words about every way upstreams can end."""

from itertools import product

import pytest

from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.states import State
from django_taskq.jobs.trigger import Decision, Standing, decide, standing_of

RUN, WAIT, SKIP, BLOCK = Decision.RUN, Decision.WAIT, Decision.SKIP, Decision.BLOCK

# For each rule: what it says of upstreams of which none is open, by (successful, failed, skipped).
SAYS = {
    TriggerRule.ALL_SUCCESS: lambda s, f, k: not f and not k,
    TriggerRule.ALL_DONE: lambda s, f, k: True,
    TriggerRule.ALL_FAILED: lambda s, f, k: not s and not k,
    TriggerRule.ONE_SUCCESS: lambda s, f, k: s >= 1,
    TriggerRule.ONE_FAILED: lambda s, f, k: f >= 1,
    TriggerRule.NONE_FAILED: lambda s, f, k: not f,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: lambda s, f, k: not f and s >= 1,
}
# Those that need not wait for the others once they are true.
EAGER = {TriggerRule.ONE_SUCCESS, TriggerRule.ONE_FAILED}


def expected(rule: TriggerRule, left: int, s: int, f: int, k: int) -> Decision:
    """Decide by trying every way in which those that are open may still end."""
    ends = [
        SAYS[rule](s + more_s, f + more_f, k + left - more_s - more_f)
        for more_s in range(left + 1)
        for more_f in range(left + 1 - more_s)
    ]
    if rule is TriggerRule.ALL_SUCCESS and f and not k:
        return BLOCK
    if not any(ends):
        return SKIP
    if not left or (rule in EAGER and all(ends)):
        return RUN
    return WAIT


@pytest.mark.parametrize("rule", SAYS)
def test_a_rule_is_decided_as_soon_as_it_is_settled_and_never_before(rule: TriggerRule) -> None:
    for left, s, f, k in product(range(4), repeat=4):
        if left + s + f + k:
            found = decide(rule, left + s + f + k, s, f, k)
            assert found is expected(rule, left, s, f, k), (left, s, f, k)


TABLE = [
    # Of two upstreams: how many succeeded, failed, were skipped; what each rule makes of that.
    ((0, 0, 0), "wait wait wait wait wait wait wait run"),
    ((1, 0, 0), "wait wait skip run wait wait wait run"),
    ((0, 1, 0), "block wait wait wait run skip skip run"),
    ((0, 0, 1), "skip wait skip wait wait wait wait run"),
    ((2, 0, 0), "run run skip run skip run run run"),
    ((1, 1, 0), "block run skip run run skip skip run"),
    ((0, 2, 0), "block run run skip run skip skip run"),
    ((1, 0, 1), "skip run skip run skip run run run"),
    ((0, 1, 1), "skip run skip skip run skip skip run"),
    ((0, 0, 2), "skip run skip skip skip run skip run"),
]


@pytest.mark.parametrize(("counts", "decisions"), TABLE)
def test_two_upstreams(counts: tuple[int, int, int], decisions: str) -> None:
    assert [decide(rule, 2, *counts) for rule in TriggerRule] == decisions.split()


def test_how_a_job_counts() -> None:
    assert {state: standing_of(state, False) for state in State if standing_of(state, False)} == {
        State.SUCCESSFUL: Standing.SUCCESSFUL,
        State.FAILED: Standing.FAILED,
        State.CANCELED: Standing.CANCELED,
        State.SKIPPED: Standing.SKIPPED,
    }
    assert standing_of(State.DEFERRED, True) is Standing.BLOCKED
    assert standing_of("NEWER", False) is None
    assert standing_of(None, None) is Standing.GONE
