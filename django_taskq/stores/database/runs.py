"""Pipeline runs as lists show them: told by the rows of their jobs, which are all there is."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Case, Count, Max, Min, Q, Value, When

from django_taskq.jobs.filters import RunFilter
from django_taskq.jobs.run import RunRecord, Tally
from django_taskq.jobs.states import ENDED
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.rows import state_of

# Tenants of one run that are told.
MOST_TENANTS = 10


class Runs:
    """Reads runs. The newest are found by as many steps along the index of run ids, which are
    ordered by time: no number of jobs, in runs or not, makes that longer.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def find(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest runs that match."""
        if wanted.run_id is not None:
            ids = [uuid.UUID(wanted.run_id)]
        else:
            ids = list(self._newest(wanted))
        read = self._read(ids)
        return [read[id] for id in ids if id in read]

    def _newest(self, wanted: RunFilter) -> Iterator[uuid.UUID]:
        jobs = self.place.jobs().filter(run_id__isnull=False).order_by("-run_id")
        if wanted.tenant is not None:
            jobs = jobs.filter(tenant=wanted.tenant)
        left = jobs
        for _ in range(wanted.limit):
            last = left.values_list("run_id", flat=True).first()
            if last is None:
                return
            yield last
            left = jobs.filter(run_id__lt=last)

    def _read(self, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, RunRecord]:
        jobs = self.place.jobs().filter(run_id__in=ids).order_by()
        tenants: dict[uuid.UUID, list[str]] = {}
        rows: Iterable[Any] = jobs.values_list("run_id", "tenant").distinct()
        for id, tenant in rows:
            tenants.setdefault(id, []).append(tenant)
        begun = Case(When(Q(attempt__gt=0) | Q(state__in=ENDED), then=Value(1)), default=Value(0))
        counted = jobs.annotate(begun=begun).values_list("run_id", "state", "is_blocked", "begun")
        groups: dict[uuid.UUID, list[Any]] = {}
        for row in counted.annotate(Count("pk"), Min("enqueued_at"), Max("finished_at")):
            groups.setdefault(row[0], []).append(row[1:])
        return {
            id: self._record(id, rows, sorted(tenants.get(id, ()))) for id, rows in groups.items()
        }

    def _record(self, id: uuid.UUID, rows: Sequence[Any], tenants: Sequence[str]) -> RunRecord:
        tallies = tuple(
            Tally(state_of(state), bool(is_blocked), bool(begun), count)
            for state, is_blocked, begun, count, _, _ in rows
        )
        is_over = all(tally.state in ENDED for tally in tallies)
        finished = [row[5] for row in rows if row[5] is not None]
        return RunRecord(
            str(id),
            self.place.backend,
            tuple(tenants[:MOST_TENANTS]),
            aware(min(row[4] for row in rows)),
            aware(max(finished)) if is_over and finished else None,
            tallies,
        )
