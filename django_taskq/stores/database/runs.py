"""Pipeline runs as lists show them: told by the rows of their jobs, which are all there is."""

import uuid
from collections.abc import Iterable, Sequence
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

# Find the newest runs, each by one step along the index from the one before. Inputs: the backend
# and maybe a tenant, twice; how many. Result: their ids.
_NEWEST = """
WITH RECURSIVE newest (run_id, place) AS (
    SELECT (
        SELECT job.run_id FROM taskq_job AS job
        WHERE job.backend = %s {of_tenant} AND job.run_id IS NOT NULL
        ORDER BY job.run_id DESC LIMIT 1
    ), 1
    UNION ALL
    SELECT (
        SELECT job.run_id FROM taskq_job AS job
        WHERE job.backend = %s {of_tenant} AND job.run_id IS NOT NULL
            AND job.run_id < newest.run_id
        ORDER BY job.run_id DESC LIMIT 1
    ), newest.place + 1
    FROM newest WHERE newest.run_id IS NOT NULL AND newest.place < %s
)
SELECT run_id FROM newest WHERE run_id IS NOT NULL
"""


class Runs:
    """Reads runs. The newest are found by as many steps along the index of run ids, which are
    ordered by time: no number of jobs, in runs or not, makes that longer.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def find(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest runs that match."""
        ids = self._newest(wanted) if wanted.run_id is None else [uuid.UUID(wanted.run_id)]
        read = self._read(ids)
        return [read[id] for id in ids if id in read]

    def _newest(self, wanted: RunFilter) -> list[uuid.UUID]:
        of_tenant = "" if wanted.tenant is None else "AND job.tenant = %s"
        chosen = [self.place.backend, *(() if wanted.tenant is None else (wanted.tenant,))]
        values: list[Any] = [*chosen, *chosen, wanted.limit]
        with self.place.connection.cursor() as cursor:
            cursor.execute(_NEWEST.format(of_tenant=of_tenant), values)
            return [uuid.UUID(str(id)) for (id,) in cursor.fetchall()]

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
