"""Where a job comes from, and what it waits for: its pipeline run, its upstreams, its schedule."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class TriggerRule(StrEnum):
    """When a job whose upstreams have ended runs. One that can no longer run is SKIPPED."""

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    ALL_FAILED = "all_failed"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALWAYS = "always"


class Upstream(NamedTuple):
    """A job that must end first: by the id of its result, or by its `task_id` in the tenant."""

    id: str | None = None
    task_id: str | None = None


class Origin(NamedTuple):
    """What only few jobs have, kept apart so that all the others carry one None.

    `run_id` and `node` place the job in a pipeline run, `map_index` among the items over which a
    step was mapped. `schedule_id` and `scheduled_for` name the tick that enqueued it.
    """

    run_id: str | None = None
    node: str | None = None
    map_index: int | None = None
    trigger_rule: TriggerRule | None = None
    upstreams: tuple[Upstream, ...] = ()
    schedule_id: int | None = None
    scheduled_for: datetime | None = None


NO_ORIGIN = Origin()


def rule_of(origin: Origin) -> TriggerRule | None:
    """Return by which rule a job runs, None for one that waits for no other."""
    if not origin.upstreams:
        return None
    return origin.trigger_rule or TriggerRule.ALL_SUCCESS
