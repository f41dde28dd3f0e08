"""The rows of limits, and what runs under them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, Count, DateTimeField, Q, QuerySet, Value, When

from django_taskq.jobs.limits import Limit as Bound
from django_taskq.jobs.states import State
from django_taskq.models import Limit
from django_taskq.stores.database.budgets import Budgets
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.place import Place


class LimitRows:
    """Looks at limits, locks them, and writes what their rates keep.

    What runs is counted, never kept: a worker that was killed leaves nothing behind that could
    be wrong.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def look(self, bounds: Iterable[Bound]) -> Budgets:
        """Return what limits leave without a lock, so that it may be gone; make missing rows."""
        bounds = frozenset(bounds)
        keys = {bound.key for bound in bounds}
        next_at, now = self._read(self._rows(keys))
        missing = sorted(keys - next_at.keys())
        if missing:
            self._make(missing)
            next_at |= dict.fromkeys(missing)
        return Budgets(self._running(bounds), next_at, now)

    def lock(self, bounds: Iterable[Bound], patience: float = 0.0) -> Budgets:
        """Lock limits in the order of their keys, within a transaction, and return what they
        leave to a claim of such patience; those that somebody else has locked are passed over.
        """
        bounds = frozenset(bounds)
        keys = {bound.key for bound in bounds}
        if not keys:
            return Budgets({}, {}, self.place.clock.read(self.place.connection))
        can_skip = self.place.connection.features.has_select_for_update_skip_locked
        locked = self._rows(keys).order_by("key").select_for_update(skip_locked=can_skip)
        next_at, now = self._read(locked)
        # In a statement of its own: the snapshot of the one that locks is older than its locks.
        running = self._running(bound for bound in bounds if bound.key in next_at)
        return Budgets(running, next_at, now, patience)

    def write(self, next_at: Mapping[str, datetime]) -> None:
        """Write what the rates of locked rows keep, by one statement."""
        if not next_at:
            return
        moments = (When(key=key, then=Value(storable(at))) for key, at in next_at.items())
        self._rows(next_at).update(next_at=Case(*moments, output_field=DateTimeField()))

    def _make(self, keys: Iterable[str]) -> None:
        place = self.place
        rows = [Limit(backend=place.backend, key=key) for key in keys]
        with place.transaction():
            Limit._default_manager.using(place.database).bulk_create(rows, ignore_conflicts=True)

    def _read(self, rows: QuerySet[Limit]) -> tuple[dict[str, datetime | None], datetime]:
        found, now = self.place.clock.read_with(rows, ("key", "next_at"), self.place.connection)
        return {key: aware(next_at) for key, next_at in found}, now

    def _running(self, bounds: Iterable[Bound]) -> Counter[str]:
        """Count what runs under the keys that have a cap, by one statement."""
        names: dict[str, set[str]] = defaultdict(set)
        for key, max_running, _ in bounds:
            if max_running is not None:
                # A key begins with the column by which its jobs are told.
                column, _, name = key.partition(":")
                names[column].add(name)
        counts: Counter[str] = Counter()
        if not names:
            return counts
        columns = sorted(names)
        wanted = reduce(or_, (Q(**{f"{column}__in": names[column]}) for column in columns))
        running = self.place.jobs().filter(wanted, state=State.RUNNING).order_by()
        for *values, count in running.values_list(*columns).annotate(count=Count("pk")):
            for column, value in zip(columns, values, strict=True):
                counts[f"{column}:{value}"] += count
        return counts

    def _rows(self, keys: Iterable[str]) -> Any:
        rows = Limit._default_manager.using(self.place.database)
        return rows.filter(backend=self.place.backend, key__in=list(keys))
