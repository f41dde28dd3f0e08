"""Emptying a queue."""

from collections.abc import Iterator
from itertools import batched
from typing import Any

from django.db.models import QuerySet

from django_taskq.control import cancel_known, database_of
from django_taskq.jobs.spec import Band
from django_taskq.jobs.states import State
from django_taskq.models import Job

BATCH = 500
# Ids are read so many at a time: what waits behind jobs of other queues is walked to less often.
READ = 10_000

# In the direction in which jobs move, so that one which becomes ready meanwhile is met all the
# same. Each search has the order of the index that serves it: in no order a planner that expects
# many rows would read the whole table, ended jobs and all.
_SEARCHES: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({"state": State.DEFERRED}, ("backend", "pk")),
    ({"state": State.SCHEDULED}, ("due_at", "pk")),
    ({"state": State.READY, "is_parked": True}, ("parked_for", "rank", "pk")),
    (
        {"state": State.READY, "is_parked": False, "band__in": (Band.CRITICAL, Band.REGULAR)},
        ("queue", "band", "gate", "tenant", "rank", "pk"),
    ),
)


def clear(alias: str, queue: str, tenant: str | None = None) -> Iterator[int]:
    """Cancel what waits in a queue now, or one tenant's jobs; yield how many, a batch at a time.

    Each batch is committed by itself, so that an interrupted clearing has done what it told of.
    What is enqueued after it began stays, or a busy queue would never be through.
    """
    jobs = Job._default_manager.using(database_of(alias))
    last = jobs.order_by("-pk").values_list("pk", flat=True).first() or 0
    found = jobs.filter(backend=alias, queue=queue, pk__lte=last)
    if tenant is not None:
        found = found.filter(tenant=tenant)
    for state, order in _SEARCHES:
        for ids in _read(found.filter(**state).order_by(*order)):
            changes = cancel_known(ids, alias)
            yield sum(change.after == State.CANCELED != change.before for change in changes)


def _read(found: QuerySet[Job]) -> Iterator[list[str]]:
    """Return the ids of what is found in batches, until nothing is."""
    while ids := [str(id) for id in found.values_list("public_id", flat=True)[:READ]]:
        yield from map(list, batched(ids, BATCH))
