"""How tenants and queues stand: what operators say of them beside what waits and runs."""

from collections.abc import Iterable
from typing import NamedTuple

from django_taskq.control import store_of
from django_taskq.jobs.depths import Depth, depths
from django_taskq.jobs.insights import LaneCount
from django_taskq.models import Queue, Tenant


class TenantStanding(NamedTuple):
    """A tenant that has a row or unfinished jobs, in one database."""

    name: str
    weight: int = 1
    max_running: int | None = None
    max_rate: str | None = None
    paused: bool = False
    has_row: bool = False
    depth: Depth = Depth()


class QueueStanding(NamedTuple):
    """A queue that has a row or unfinished jobs, in one database."""

    name: str
    max_running: int | None = None
    paused: bool = False
    has_row: bool = False
    depth: Depth = Depth()


type Standing = TenantStanding | QueueStanding


def lanes_of(aliases: Iterable[str]) -> list[LaneCount]:
    """Return the unfinished jobs of some aliases, counted by queue, tenant and state."""
    return [lane for alias in aliases for lane in store_of(alias).insights().lanes]


def tenants_in(database: str, lanes: Iterable[LaneCount]) -> list[TenantStanding]:
    """Return the tenants of a database's rows and of these counts, most waiting first."""
    rows = Tenant._default_manager.using(database).values_list(
        "name", "weight", "max_running", "max_rate", "paused"
    )
    known = {row[0]: TenantStanding(*row, has_row=True) for row in rows}
    counted = depths(lanes, lambda lane: lane.tenant)
    for name, depth in counted.items():
        known[name] = known.get(name, TenantStanding(name))._replace(depth=depth)
    return sorted(known.values(), key=most_waiting_first)


def queues_in(database: str, lanes: Iterable[LaneCount]) -> list[QueueStanding]:
    """Return the queues of a database's rows and of these counts, most waiting first."""
    rows = Queue._default_manager.using(database).values_list("name", "max_running", "paused")
    known = {row[0]: QueueStanding(*row, has_row=True) for row in rows}
    counted = depths(lanes, lambda lane: lane.queue)
    for name, depth in counted.items():
        known[name] = known.get(name, QueueStanding(name))._replace(depth=depth)
    return sorted(known.values(), key=most_waiting_first)


def most_waiting_first(standing: Standing) -> tuple[int, int, str]:
    """Return what to sort by, for readers who look for what is stuck."""
    return (-standing.depth.waiting, -standing.depth.running, standing.name)
