"""Live numbers of tenants and queues, put together over the aliases of a page."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django_taskq.admin.asking import asked
from django_taskq.advice import told_of_silence
from django_taskq.jobs.backlogs import Backlog, BacklogQuery, Backlogs
from django_taskq.jobs.counts import ENDINGS, Counts, Ending, by_queue
from django_taskq.jobs.depths import Depth
from django_taskq.jobs.glance import Glance
from django_taskq.jobs.rollups import Span, start_of
from django_taskq.jobs.servings import Served
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.stores.base import Store

# Jobs of a queue, or of a state, that are counted for a page.
MOST_COUNTED = 3_000
# How far back rates go, and what tenants were given.
RATE_OVER, GIVEN_OVER = timedelta(minutes=5), timedelta(hours=1)


class Numbers(NamedTuple):
    """What waits and runs of one queue or tenant, over all aliases of a page.

    `more` are the states with more jobs than were counted, `age` is how long the oldest ready job
    has waited, at least so long where there are more. `workers` are those alive that serve it.
    """

    depth: Depth = Depth()
    more: frozenset[str] = frozenset()
    age: timedelta | None = None
    has_older: bool = False
    workers: int = 0


class Rate(NamedTuple):
    """What ended of a queue within some seconds."""

    seconds: float
    ended: int = 0
    failed: int = 0


class QueuePage(NamedTuple):
    """The queues of a page by name, and the stores that do not answer."""

    by_name: Mapping[str, Numbers]
    rates: Mapping[str, Rate]
    workers: tuple[WorkerRecord, ...]
    silent: Mapping[str, str]

    def of(self, name: str) -> Numbers:
        """Return the numbers of a queue; it may have no jobs."""
        return self.by_name.get(name) or Numbers(workers=takers(self.workers, name))


class TenantPage(NamedTuple):
    """The tenants of a page by name, what each alias gave them, and the stores that are silent."""

    by_name: Mapping[str, Numbers]
    served: Mapping[str, Served]
    workers: tuple[WorkerRecord, ...]
    silent: Mapping[str, str]

    def of(self, name: str) -> Numbers:
        """Return the numbers of a tenant; it may have no jobs."""
        return self.by_name.get(name) or Numbers(workers=len(servers(self.workers, name)))


def queue_page(aliases: Sequence[str]) -> QueuePage:
    """Read the queues of some aliases."""
    found, silent = asked(aliases, _glance)
    silent |= _half_silent({alias: glance for alias, (glance, _, _) in found.items()})
    workers = tuple(worker for glance, _, _ in found.values() for worker in glance.alive)
    names = {name for glance, _, _ in found.values() for name in glance.queues}
    by_name = {
        name: _together([_in_glance(glance, name) for glance, _, _ in found.values()])._replace(
            workers=takers(workers, name)
        )
        for name in names
    }
    counted = by_queue(counts for _, all_counts, _ in found.values() for counts in all_counts)
    seconds = max((seconds for _, _, seconds in found.values()), default=0.0)
    rates = {counts.queue: _rate(counts, seconds) for counts in counted if counts.queue}
    return QueuePage(by_name, rates, workers, silent)


def tenant_page(aliases: Sequence[str], tenants: Sequence[str] | None) -> TenantPage:
    """Read these tenants of some aliases, or some that wait."""
    wanted = BacklogQuery(None if tenants is None else tuple(tenants))

    def look(store: Store) -> tuple[Backlogs, Served]:
        backlogs = store.backlogs(wanted)
        names = list(backlogs.by_tenant) if tenants is None else tenants
        return backlogs, store.servings(backlogs.now - GIVEN_OVER, names)

    found, silent = asked(aliases, look)
    silent |= _half_silent({alias: backlogs for alias, (backlogs, _) in found.items()})
    workers = tuple(
        worker for backlogs, _ in found.values() for worker in backlogs.workers if worker.is_alive
    )
    by_name = {
        name: numbers._replace(workers=len(servers(workers, name)))
        for name, numbers in _joined(backlogs for backlogs, _ in found.values()).items()
    }
    served = {alias: given for alias, (_, given) in found.items()}
    return TenantPage(by_name, served, workers, silent)


def tenants_in(aliases: Sequence[str], queue: str) -> dict[str, Numbers]:
    """Read what the first tenants with ready jobs in a queue have in it."""
    wanted = BacklogQuery(None, queue, has_workers=False)
    found, _ = asked(aliases, lambda store: store.backlogs(wanted))
    return _joined(found.values())


def _joined(found: Iterable[Backlogs]) -> dict[str, Numbers]:
    parts: dict[str, list[Numbers]] = {}
    for backlogs in found:
        for name, backlog in backlogs.by_tenant.items():
            parts.setdefault(name, []).append(_of_backlog(backlog, backlogs.now))
    return {name: _together(some) for name, some in parts.items()}


def _half_silent(told: Mapping[str, Glance | Backlogs]) -> dict[str, str]:
    """Say of which aliases only the rows have answered."""
    return {alias: told_of_silence(alias) for alias, each in told.items() if not each.is_complete}


def takers(workers: Iterable[WorkerRecord], queue: str) -> int:
    """Count the workers that take jobs of a queue."""
    return sum(worker.queues is None or queue in worker.queues for worker in workers)


def servers(workers: Iterable[WorkerRecord], tenant: str) -> list[bool]:
    """Tell of each worker that may serve a tenant whether that is one of those it serves first.

    Of many names a worker tells the first; whoever is not among them may be served all the same.
    """
    found = []
    for worker in workers:
        told = worker.assignment
        if told is None or tenant in told.tenants:
            found.append(True)
        elif tenant in told.steal or told.is_stealing_from_all:
            found.append(False)
        elif told.total > len(told.tenants):
            found.append(True)
        elif told.steal_total > len(told.steal):
            found.append(False)
    return found


def _glance(store: Store) -> tuple[Glance, list[Counts], float]:
    glance = store.glance(MOST_COUNTED)
    since = start_of(Span.MINUTE, glance.now - RATE_OVER)
    counts = [rollup.counts for rollup in store.rollups(Span.MINUTE, since)]
    return glance, counts, (glance.now - since).total_seconds()


def _in_glance(glance: Glance, name: str) -> Numbers:
    counts = {each.state: each.jobs for each in glance.counts if each.queue == name}
    numbers = {state: counts[state].number for state in _STATES if state in counts}
    depth = Depth(*(numbers.get(state, 0) for state in _STATES))
    more = frozenset(state for state, jobs in counts.items() if jobs.is_cut)
    since = glance.oldest_by_queue.get(name)
    age = None if since is None else max(timedelta(0), glance.now - since)
    return Numbers(depth, more, age, State.READY in more)


def _of_backlog(backlog: Backlog, now: datetime) -> Numbers:
    since = backlog.oldest_at
    age = None if since is None else max(timedelta(0), now - since)
    return Numbers(backlog.depth, backlog.more, age, backlog.has_older)


def _together(parts: Sequence[Numbers]) -> Numbers:
    ages = [part.age for part in parts if part.age is not None]
    return Numbers(
        Depth(*map(sum, zip(*(part.depth for part in parts), strict=True))),
        frozenset().union(*(part.more for part in parts)),
        max(ages, default=None),
        any(part.has_older for part in parts),
    )


def _rate(counts: Counts, seconds: float) -> Rate:
    ended = sum(counts.of(ending) for ending in ENDINGS if ending not in _NO_ENDS)
    return Rate(seconds, ended, counts.of(Ending.FAILED) + counts.of(Ending.LOST))


_STATES = (State.READY, State.SCHEDULED, State.DEFERRED, State.RUNNING)
# What was given back untouched, or came too late, is no work done.
_NO_ENDS = frozenset({Ending.RELEASED, Ending.LATE})
