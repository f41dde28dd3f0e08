"""Backlogs: how many unfinished jobs a queue or a tenant has, counted to a bound."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.depths import Depth, depths
from django_taskq.jobs.insights import Insights

# Tenants that are told of a queue where none are named.
MOST_TENANTS = 50


class BacklogQuery(NamedTuple):
    """Whose backlogs are wanted: all queues' or, with `is_by_tenant`, tenants'.

    Of tenants these `tenants`, or else some that have ready jobs; with `queue` what they have in
    it alone.
    """

    is_by_tenant: bool = False
    tenants: tuple[str, ...] | None = None
    queue: str | None = None


class Backlog(NamedTuple):
    """The unfinished jobs of one queue or tenant.

    `more` are the states of which there may be more than were counted. `oldest_at` is since when
    the oldest ready job waits of those that were looked at; with `has_older` others may be older.
    """

    depth: Depth = Depth()
    more: frozenset[str] = frozenset()
    oldest_at: datetime | None = None
    has_older: bool = False


class Backlogs(NamedTuple):
    """The backlogs of one alias at a moment, by queue or by tenant."""

    now: datetime
    by_name: Mapping[str, Backlog]


def backlogs_of(insights: Insights, wanted: BacklogQuery) -> Backlogs:
    """Return backlogs from live numbers, which are exact, but say nothing of a tenant's oldest."""
    lanes = [
        lane
        for lane in insights.lanes
        if wanted.queue in (None, lane.queue)
        and (wanted.tenants is None or lane.tenant in wanted.tenants)
    ]
    oldest = {} if wanted.is_by_tenant else insights.oldest_by_queue
    found = depths(lanes, lambda lane: lane.tenant if wanted.is_by_tenant else lane.queue)
    named = {
        name: Backlog(depth, oldest_at=oldest.get(name)) for name, depth in found.items()
    }  # fmt: skip
    return Backlogs(insights.now, named)


def share_out(budget: int, lanes: Sequence[object], least: int, most: int) -> int:
    """Return how far each of some lanes is counted, so that all together cost the budget."""
    return max(least, min(most, budget // max(1, len(lanes))))
