"""Backlogs: how many unfinished jobs a tenant has, counted to a bound."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.depths import Depth, depths
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.workers import WorkerRecord

# Workers that are told of, those heard of last.
MOST_WORKERS = 1000
# Tenants that are told of a queue where none are named.
MOST_TENANTS = 50


class BacklogQuery(NamedTuple):
    """Whose backlogs are wanted: these tenants' or else those of some that have ready jobs; with
    `queue` what they have in it alone. Without `has_workers` no workers are told of.
    """

    tenants: tuple[str, ...] | None = None
    queue: str | None = None
    has_workers: bool = True


class Backlog(NamedTuple):
    """The unfinished jobs of one tenant.

    `more` are the states of which there may be more than were counted. `oldest_at` is since when
    the oldest ready job waits of those that were looked at; with `has_older` others may be older.
    """

    depth: Depth = Depth()
    more: frozenset[str] = frozenset()
    oldest_at: datetime | None = None
    has_older: bool = False


class Backlogs(NamedTuple):
    """The backlogs of one alias at a moment, by tenant, and who may work them off.

    Without `is_complete` what hands jobs out does not answer, as in Insights.
    """

    now: datetime
    by_tenant: Mapping[str, Backlog]
    workers: tuple[WorkerRecord, ...] = ()
    is_complete: bool = True


def backlogs_of(insights: Insights, wanted: BacklogQuery) -> Backlogs:
    """Return backlogs from live numbers, which are exact, but say nothing of a tenant's oldest."""
    lanes = [
        lane
        for lane in insights.lanes
        if wanted.queue in (None, lane.queue)
        and (wanted.tenants is None or lane.tenant in wanted.tenants)
    ]
    found = depths(lanes, lambda lane: lane.tenant)
    named = {name: Backlog(depth) for name, depth in found.items()}
    return Backlogs(insights.now, named, insights.workers, insights.is_complete)


def share_out(budget: int, lanes: Sequence[object], least: int, most: int) -> int:
    """Return how far each of some lanes is counted, so that all together cost the budget."""
    return max(least, min(most, budget // max(1, len(lanes))))
