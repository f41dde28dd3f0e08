"""What schedulers do now and then: old ticks leave, backfills that stand still go on, the
schedules of the code are looked at again."""

import random
from datetime import timedelta
from time import monotonic
from typing import Any

from django_taskq.models import Tick
from django_taskq.scheduling.backfills import advance_all
from django_taskq.scheduling.synchronising import sync_schedules
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.place import Place

TIDY_EVERY = 60.0
# Ticks that are deleted by one transaction.
CHUNK = 1000
# Days for which ticks are kept where RETENTION keeps jobs for ever, and at the least.
KEEP, LEAST_KEEP = 30.0, 1.0


class Tidying:
    """Prunes ticks, advances backfills, syncs the code's schedules of one backend, every minute."""

    def __init__(self, place: Place, store: Store) -> None:
        self._place = place
        self._store = store
        # Schedulers that were started together should not do it together.
        self._due = monotonic() + TIDY_EVERY * random.random()

    def tidy(self) -> float:
        """Do what is due; return the seconds until there is more to do."""
        now = monotonic()
        if now < self._due:
            return self._due - now
        # Before all else: what fails here must not hold up the ticks the next time.
        self._due = now + TIDY_EVERY
        has_more = self.prune() >= CHUNK
        has_more = advance_all(self._place, self._store) or has_more
        pause = 0.1 if has_more else TIDY_EVERY * random.uniform(0.9, 1.1)
        self._due = now + pause
        # Beside workers of another release it is the code of the last one to look that counts.
        # Once only one release is left, this makes it that one's.
        sync_schedules(self._store.alias)
        return pause

    def prune(self) -> int:
        """Delete at most so many ticks that were decided longer ago than they are kept."""
        place = self._place
        days = place.options.retention["successful"]
        keep = timedelta(days=KEEP if days is None else max(days, LEAST_KEEP))
        oldest = storable(place.clock.read(place.connection) - keep)
        ticks: Any = Tick._default_manager.using(place.database)
        old = ticks.filter(decided_at__lt=oldest, schedule__backend=place.backend)
        ids = list(old.order_by("decided_at").values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return 0
        return place.settle(lambda: int(ticks.filter(pk__in=ids)._raw_delete(place.database) or 0))
