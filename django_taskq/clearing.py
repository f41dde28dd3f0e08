"""Canceling all that matches: emptying a queue, or what a filter names."""

from collections.abc import Iterator
from itertools import batched
from typing import Any, NamedTuple

from django.db.models import QuerySet

from django_taskq.control import cancel_known, database_of, store_of
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.spec import Band
from django_taskq.jobs.states import State
from django_taskq.models import Job
from django_taskq.stores.base import Store

BATCH = 1000
# Ids are read so many at a time: what waits behind jobs of other queues is walked to less often.
READ = 10_000

type _Search = tuple[dict[str, Any], tuple[str, ...]]
type _Searches = tuple[_Search, ...]

# In the direction in which jobs move, so that one which becomes ready meanwhile is met all the
# same. Each search has the order of the index that serves it: in no order a planner that expects
# many rows would read the whole table, ended jobs and all.
_WAITING: _Searches = (
    ({"state": State.DEFERRED}, ("backend", "pk")),
    ({"state": State.SCHEDULED}, ("due_at", "pk")),
    ({"state": State.READY, "is_parked": True}, ("parked_for", "rank", "pk")),
    (
        {"state": State.READY, "is_parked": False, "band__in": (Band.CRITICAL, Band.REGULAR)},
        ("queue", "band", "gate", "tenant", "rank", "pk"),
    ),
)
_SEARCHES: _Searches = (
    *_WAITING,
    # Who was asked before goes on running, and would be found again and again.
    ({"state": State.RUNNING, "cancel_asked_at": None}, ("worker_id", "pk")),
)


class Canceled(NamedTuple):
    """How many waiting jobs ended, and how many running ones were asked to stop."""

    ended: int
    asked: int


def clear(alias: str, queue: str, tenant: str | None = None) -> Iterator[int]:
    """Cancel what waits in a queue now, or one tenant's jobs; yield how many, a batch at a time.

    Each batch is committed by itself, so that an interrupted clearing has done what it told of.
    What is enqueued after it began stays, or a busy queue would never be through.
    """
    for done in _cancel(alias, JobFilter(queue=queue, tenant=tenant), _WAITING):
        yield done.ended


def cancel_matching(alias: str, wanted: JobFilter) -> Iterator[Canceled]:
    """Cancel what matches and has not ended now, whatever its number; yield as `clear` does."""
    yield from _cancel(alias, wanted, _SEARCHES)


def count_matching(alias: str, wanted: JobFilter) -> int:
    """Return how many jobs `cancel_matching` would cancel, or ask to stop, now."""
    store = store_of(alias)
    if not store.has_rows:
        states = [each[0]["state"] for each in _searches(wanted, _SEARCHES)]
        return sum(len(_find(store, wanted, state)) for state in dict.fromkeys(states))
    found = _jobs(alias, wanted)
    return sum(found.filter(**each).count() for each, _ in _searches(wanted, _SEARCHES))


def _cancel(alias: str, wanted: JobFilter, searches: _Searches) -> Iterator[Canceled]:
    found = _found_here if store_of(alias).has_rows else _found_elsewhere
    for ids in found(alias, wanted, searches):
        changes = cancel_known(ids, alias)
        yield Canceled(
            sum(change.after == State.CANCELED != change.before for change in changes),
            sum(change.is_asked for change in changes),
        )


def _found_here(alias: str, wanted: JobFilter, searches: _Searches) -> Iterator[list[str]]:
    """Return the ids of rows that match, in batches that are gone when the next is asked for."""
    every = Job._default_manager.using(database_of(alias))
    last = every.order_by("-pk").values_list("pk", flat=True).first() or 0
    found = _jobs(alias, wanted).filter(pk__lte=last)
    for state, order in _searches(wanted, searches):
        yield from _read(found.filter(**state).order_by(*order))


def _found_elsewhere(alias: str, wanted: JobFilter, searches: _Searches) -> Iterator[list[str]]:
    """Return the ids of jobs that match in a store whose waiting jobs are no rows."""
    store = store_of(alias)
    began = store.insights().now
    for state in dict.fromkeys(each[0]["state"] for each in _searches(wanted, searches)):
        while found := [job for job in _find(store, wanted, state) if job.enqueued_at <= began]:
            yield from (list(ids) for ids in batched((job.id for job in found), BATCH))


def _find(store: Store, wanted: JobFilter, state: str) -> list[JobRecord]:
    """Return the newest jobs that match in a state; of running ones those not asked to stop."""
    found = store.find(wanted._replace(state=state, limit=READ))
    return [job for job in found if job.cancel_asked_at is None]


def _jobs(alias: str, wanted: JobFilter) -> QuerySet[Job]:
    asked = {"queue": wanted.queue, "tenant": wanted.tenant, "task": wanted.task}
    given = {name: value for name, value in asked.items() if value is not None}
    return Job._default_manager.using(database_of(alias)).filter(backend=alias, **given)


def _searches(wanted: JobFilter, searches: _Searches) -> _Searches:
    """Return those of the searches that are about the state that was asked for."""
    return tuple(each for each in searches if wanted.state in {None, each[0]["state"]})


def _read(found: QuerySet[Job]) -> Iterator[list[str]]:
    """Return the ids of what is found in batches, until nothing is."""
    while ids := [str(id) for id in found.values_list("public_id", flat=True)[:READ]]:
        yield from map(list, batched(ids, BATCH))
