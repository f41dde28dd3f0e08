"""How far a backfill is."""

import uuid
from collections import Counter
from itertools import batched
from typing import NamedTuple

from django_taskq.control import store_of
from django_taskq.jobs.states import WAITING, State
from django_taskq.models import Backfill, Job, Tick
from django_taskq.scheduling.places import place_of
from django_taskq.stores.base import Store
from django_taskq.stores.database.place import Place

CHUNK = 1000


class Progress(NamedTuple):
    """How many jobs of a backfill were made, and how these stand.

    `is_made` tells that there will be no more. `gone` were deleted meanwhile. With `is_cut` these
    are numbers of the newest jobs alone.
    """

    made: int
    waiting: int
    running: int
    successful: int
    failed: int
    canceled: int
    gone: int
    is_made: bool
    is_stopped: bool
    is_cut: bool = False

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self.made - self.waiting - self.running

    @property
    def is_done(self) -> bool:
        """Whether all jobs were made and have ended."""
        return self.is_made and not self.waiting and not self.running


def progress_of(row: Backfill, most: int | None = None) -> Progress:
    """Return how far a backfill is, by what its jobs say now, or at most so many newest ones."""
    row.refresh_from_db()
    store = store_of(row.schedule.backend)
    place = place_of(store)
    ticks = Tick._default_manager.using(place.database).filter(backfill_id=row.pk)
    newest = ticks.order_by("-pk").values_list("job_id", flat=True)
    ids = [str(id) for id in newest[: None if most is None else most + 1]]
    is_cut = most is not None and len(ids) > most
    ids = ids[:most]
    states: Counter[str] = Counter()
    for chunk in batched(ids, CHUNK):
        states += _states(place, store, chunk)
    return Progress(
        made=len(ids),
        waiting=sum(states[state] for state in WAITING),
        running=states[State.RUNNING],
        successful=states[State.SUCCESSFUL],
        failed=states[State.FAILED],
        canceled=states[State.CANCELED] + states[State.SKIPPED],
        gone=len(ids) - states.total(),
        is_made=row.next_at is None,
        is_stopped=row.stopped_at is not None,
        is_cut=is_cut,
    )


def _states(place: Place, store: Store, ids: tuple[str, ...]) -> Counter[str]:
    if not store.is_transactional:
        return Counter(str(record.state) for record in store.get(ids))
    jobs = Job._default_manager.using(place.database)
    found = jobs.filter(public_id__in=[uuid.UUID(id) for id in ids])
    return Counter(found.values_list("state", flat=True))
