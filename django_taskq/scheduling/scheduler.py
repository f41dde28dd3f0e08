"""The scheduler that any number of workers run: whoever comes first fires what is due.

A look costs one statement while nothing is due. What is due is taken in batches, each in one
short transaction with the ticks and their jobs, its rows locked; what another scheduler has locked
is left to it. A tick is one row, unique by its schedule and due instant, so that whatever dies
between two statements, and however the clock is set, an instant is decided once.
"""

import random
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any

from django.db.models import QuerySet

from django_taskq.models import Schedule
from django_taskq.scheduling.places import place_of
from django_taskq.scheduling.round import Round, switch_off
from django_taskq.scheduling.synchronising import sync_schedules
from django_taskq.scheduling.tidying import Tidying
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import storable

# Schedules that are fired in one transaction.
BATCH = 250
# Seconds between two looks while nothing is due: by then an edit is seen. Not the same for all.
SHORTEST_IDLE, LONGEST_IDLE = 2.5, 4.5
# Not all schedulers look in the same millisecond, nor at once at what another one fires just now.
SPREAD = 0.03
LOCKED_FOR = 0.05
# Seconds after which a schedule whose task is not to be found here is tried again.
REST = 2.0


class Scheduler:
    """Fires the schedules of one backend by the clock of its store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._place = place_of(store)
        self._tidying = Tidying(self._place, store)
        self._resting: dict[int, float] = {}
        self._has_begun = False

    def keep(self) -> float:
        """Tick; the first time bring the schedules of the code up to date before."""
        if not self._has_begun:
            # Before all else: what fails here must not hold up the ticks the next time.
            self._has_begun = True
            sync_schedules(self._store.alias)
        return self.tick()

    def tick(self) -> float:
        """Fire a batch of what is due; return the seconds until the next look."""
        pause = self._tick()
        return min(pause, self._tidying.tidy())

    def _tick(self) -> float:
        now = monotonic()
        self._resting = {id: until for id, until in self._resting.items() if until > now}
        idle = REST if self._resting else random.uniform(SHORTEST_IDLE, LONGEST_IDLE)
        place = self._place
        first = self._enabled().filter(next_at__isnull=False).order_by("next_at")
        moments = place.clock.read_beside(first, "next_at", place.connection)
        if moments is None:
            return idle
        next_in = (moments[0] - moments[1]).total_seconds()
        if next_in > 0:
            return min(idle, next_in + random.uniform(0.0, SPREAD))
        if self._fire(BATCH):
            return 0.0
        return random.uniform(0.2, 1.0) * LOCKED_FOR

    def _fire(self, limit: int) -> int:
        """Fire a batch of schedules; return how many there were."""
        try:
            return self._settle(lambda now: self._due(now)[:limit])
        except self._store.outages:
            raise
        except Exception:
            # The row of one of them breaks the whole: which one shows where each is alone.
            return self._fire_apart(limit)

    def _fire_apart(self, limit: int) -> int:
        place = self._place
        due = self._due(place.clock.read(place.connection))
        ids = list(due.values_list("pk", flat=True)[:limit])
        for id in ids:
            try:
                self._settle(lambda now, id=id: self._due(now).filter(pk=id))  # type: ignore[misc]
            except self._store.outages:
                raise
            except Exception as error:
                self._break(id, error)
        return len(ids)

    def _settle(self, choose: Callable[[datetime], QuerySet[Schedule]]) -> int:
        return self._place.settle(self._fire_chosen, choose)

    def _fire_chosen(self, choose: Callable[[datetime], QuerySet[Schedule]]) -> int:
        place = self._place
        can_skip = place.connection.features.has_select_for_update_skip_locked
        with place.transaction():
            now = place.clock.read(place.connection)
            rows = list(choose(now).select_for_update(skip_locked=can_skip))
            if not rows:
                return 0
            fired = Round(place, self._store, now)
            fired.fire(rows)
        until = monotonic() + REST
        self._resting.update(dict.fromkeys(fired.resting, until))
        return len(rows)

    def _break(self, id: int, error: Exception) -> None:
        place = self._place
        with place.transaction():
            row = self._enabled().select_for_update().filter(pk=id).first()
            if row is not None:
                switch_off(row, error)
                row.save(using=place.database, update_fields=["enabled", "reason", "failing_since"])

    def _due(self, now: datetime) -> Any:
        return self._enabled().filter(next_at__lte=storable(now)).order_by("next_at", "pk")

    def _enabled(self) -> Any:
        rows = Schedule._default_manager.using(self._place.database)
        found = rows.filter(backend=self._place.backend, enabled=True)
        return found.exclude(pk__in=list(self._resting)) if self._resting else found
