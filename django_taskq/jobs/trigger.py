"""Trigger rules: whether a job may run, by how many of its upstreams ended and how."""

from enum import StrEnum

from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.states import State


class Standing(StrEnum):
    """How an upstream counts. BLOCKED, CANCELED and GONE count as failed."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CANCELED = "canceled"
    GONE = "gone"


class Decision(StrEnum):
    """What becomes of a job that waits for others."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"
    BLOCK = "block"


_STANDINGS: dict[State | str, Standing] = {
    State.SUCCESSFUL: Standing.SUCCESSFUL,
    State.FAILED: Standing.FAILED,
    State.SKIPPED: Standing.SKIPPED,
    State.CANCELED: Standing.CANCELED,
}


def standing_of(state: State | str | None, is_blocked: bool | None) -> Standing | None:
    """Return how a job counts for those that wait for it, None while that is open.

    A `state` of None is that of a job which has been deleted.
    """
    if state is None:
        return Standing.GONE
    if is_blocked and state == State.DEFERRED:
        return Standing.BLOCKED
    return _STANDINGS.get(state)


def decide(rule: TriggerRule, total: int, successful: int, failed: int, skipped: int) -> Decision:
    """Decide by the counts of a job's upstreams, as soon as these settle it and never before.

    Only `all_success` is blocked by a failure: a retry of what failed may still make it true.
    """
    if rule is TriggerRule.ALWAYS:
        return Decision.RUN
    if rule is TriggerRule.ALL_SUCCESS and failed and not skipped:
        return Decision.BLOCK
    is_over = successful + failed + skipped >= total
    has_success, has_failed = successful > 0, failed > 0
    never, already = {
        TriggerRule.ALL_SUCCESS: (skipped > 0, False),
        TriggerRule.ALL_DONE: (False, False),
        TriggerRule.ALL_FAILED: (successful + skipped > 0, False),
        TriggerRule.ONE_SUCCESS: (is_over and not has_success, has_success),
        TriggerRule.ONE_FAILED: (is_over and not has_failed, has_failed),
        TriggerRule.NONE_FAILED: (has_failed, False),
        TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: (
            has_failed or (is_over and not has_success),
            False,
        ),
    }[rule]
    if never:
        return Decision.SKIP
    return Decision.RUN if is_over or already else Decision.WAIT
