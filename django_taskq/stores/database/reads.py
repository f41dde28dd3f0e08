"""Reading jobs, and live numbers about them."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import batched
from typing import Any

from django.db.models import Count, Min

from django_taskq.jobs.assignment import read_assignment
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.insights import Insights, LaneCount
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.models import Attempt, Dependency, Job, Limit, Queue, Tenant, Worker, XCom
from django_taskq.stores.database.attempts import (
    attempts_of,
    errors_of,
    may_have_attempts,
    may_have_errors,
)
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.rows import RECORD_COLUMNS, record_of
from django_taskq.stores.ordering import by_id

type Complete = Callable[[list[JobRecord]], list[JobRecord]]

# Ids per statement.
CHUNK = 1000

# Ready jobs are read by two indexes, one without and one with the parked ones. Asked for at once,
# neither serves, and the whole table would be read, ended jobs and all.
READY_PARTS: tuple[dict[str, bool], ...] = ({"is_parked": False}, {"is_parked": True})

UNFINISHED = (State.READY, State.SCHEDULED, State.DEFERRED, State.RUNNING)


class Reads:
    """Reads jobs and workers; changes nothing."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, in the order asked."""
        return self._read(ids, self._with_errors)

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, each with its attempts."""
        return self._read(ids, self._with_attempts)

    def _read(self, ids: Sequence[str], complete: Complete) -> list[JobRecord]:
        wanted = list(dict.fromkeys(filter(None, map(parse_id, ids))))
        found: list[JobRecord] = []
        for start in range(0, len(wanted), CHUNK):
            chunk = [uuid.UUID(id) for id in wanted[start : start + CHUNK]]
            jobs = self.place.jobs().filter(public_id__in=chunk)
            records = [record_of(row) for row in jobs.values_list(*RECORD_COLUMNS)]
            found.extend(complete(records))
        return by_id(map(str, map(parse_id, ids)), found)

    def _with_errors(self, records: list[JobRecord]) -> list[JobRecord]:
        tried = [r.seq for r in records if may_have_errors(r.state, r.attempt)]
        errors = errors_of(self.place, tried)
        if not errors:
            return records
        return [replace(record, errors=errors.get(record.seq, ())) for record in records]

    def _with_attempts(self, records: list[JobRecord]) -> list[JobRecord]:
        tried = [r.seq for r in records if may_have_attempts(r.state, r.attempt)]
        attempts = attempts_of(self.place, tried)
        return [record.with_attempts(attempts.get(record.seq, ())) for record in records]

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        fields = wanted._asdict()
        limit = fields.pop("limit")
        exact = {name: value for name, value in fields.items() if value is not None}
        jobs = self.place.jobs().filter(**exact).order_by("-pk")
        return [record_of(row) for row in jobs.values_list(*RECORD_COLUMNS)[:limit]]

    def edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return what these jobs wait for and what waits for them, each edge once."""
        wanted = list(dict.fromkeys(filter(None, map(parse_id, ids))))
        found: dict[int, EdgeRecord] = {}
        for start in range(0, len(wanted), CHUNK):
            chunk = [uuid.UUID(id) for id in wanted[start : start + CHUNK]]
            seqs = list(self.place.jobs().filter(public_id__in=chunk).values_list("pk", flat=True))
            edges = Dependency._default_manager.using(self.place.database)
            for side in ("downstream_id__in", "upstream_id__in"):
                rows = edges.filter(**{side: seqs}).values_list(
                    "pk", "downstream__public_id", "upstream_public_id", "upstream_task_id",
                    "counted_as",
                )  # fmt: skip
                for pk, downstream, upstream, task_id, counted_as in rows:
                    id = None if upstream is None else str(upstream)
                    found[pk] = EdgeRecord(str(downstream), id, task_id, counted_as)
        return [found[pk] for pk in sorted(found)]

    def ended(self, ids: Sequence[str]) -> dict[str, bool]:
        """Tell of each of at most a thousand ids whether its job has ended, or is blocked."""
        jobs = self.place.jobs().filter(public_id__in=[uuid.UUID(id) for id in ids])
        rows = jobs.values_list("public_id", "state", "is_blocked")
        return {str(id): state in ENDED or is_blocked for id, state, is_blocked in rows}

    def unfinished(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of these ids whose jobs have not ended."""
        chunks = (self.ended(chunk) for chunk in batched(ids, CHUNK))
        return frozenset(id for chunk in chunks for id, is_ended in chunk.items() if not is_ended)

    def has_ready(self) -> bool:
        """Tell whether any job is ready, in any queue."""
        return self.place.jobs().filter(state=State.READY, is_parked=False).exists()

    def missing_tables(self) -> list[str]:
        """Return the names of our tables that the database has not."""
        with self.place.connection.cursor() as cursor:
            introspection = self.place.connection.introspection
            known = set(introspection.table_names(cursor, include_views=True))
        models = (Attempt, Dependency, Job, Limit, Queue, Tenant, Worker, XCom)
        names = (model._meta.db_table for model in models)
        return [name for name in names if introspection.identifier_converter(name) not in known]

    def insights(self) -> Insights:
        """Return live numbers; ended jobs are not counted, for there may be millions."""
        place = self.place
        now = place.clock.read(place.connection)
        oldest = self._oldest()
        return Insights(
            now=now,
            lanes=tuple(lane for state in UNFINISHED for lane in self._lanes(state)),
            oldest_ready_at=min(oldest.values(), default=None),
            workers=tuple(self._workers(now)),
            oldest_by_queue=oldest,
        )

    def _oldest(self) -> dict[str, datetime]:
        """Return since when the oldest ready job of each queue waits."""
        oldest: dict[str, datetime] = {}
        for part in READY_PARTS:
            rows = self._in_state(State.READY).filter(**part).order_by("queue")
            for queue, moment in rows.values_list("queue").annotate(oldest=Min("eligible_at")):
                since = aware(moment)
                if since is not None:
                    oldest[queue] = min(since, oldest.get(queue, since))
        return oldest

    def _in_state(self, state: State) -> Any:
        return self.place.jobs().filter(state=state)

    def _lanes(self, state: State) -> list[LaneCount]:
        parts: tuple[dict[str, bool], ...] = READY_PARTS if state is State.READY else ({},)
        counts: dict[tuple[str, str], int] = {}
        for part in parts:
            # In the order of the index, so that nothing is sorted that may be a million rows.
            names = ("queue", "band", "gate", "tenant") if part else ("queue", "tenant")
            rows = (
                self._in_state(state)
                .filter(**part)
                .order_by(*names)
                .values_list(*names)
                .annotate(count=Count("pk"))
            )
            for queue, *_, tenant, count in rows:
                counts[queue, tenant] = counts.get((queue, tenant), 0) + count
        return [LaneCount(*lane, state.value, count) for lane, count in sorted(counts.items())]

    def _workers(self, now: Any) -> list[WorkerRecord]:
        running = dict(
            self._in_state(State.RUNNING)
            .order_by("worker_id")
            .values_list("worker_id")
            .annotate(count=Count("pk"))
        )
        return [
            worker_of(worker, now, running.get(worker.pk, 0))
            for worker in self.place.workers().order_by("started_at", "pk")
        ]


def worker_of(worker: Worker, now: Any, running: int) -> WorkerRecord:
    """Make a record of a worker's row at a moment."""
    expires_at = aware(worker.expires_at)
    return WorkerRecord(
        id=worker.pk,
        name=worker.name,
        host=worker.host,
        pid=worker.pid,
        queues=None if worker.queues is None else tuple(json.loads(worker.queues)),
        started_at=aware(worker.started_at),
        beat_at=aware(worker.beat_at),
        expires_at=expires_at,
        is_alive=worker.lost_at is None and expires_at >= now,
        running=running,
        is_solo=worker.is_solo,
        supervisor_pid=worker.supervisor_pid,
        progress_at=aware(worker.progress_at),
        memory=worker.memory,
        assignment=read_assignment(worker.tenants),
        is_stop_asked=worker.stop_asked_at is not None,
        threads=worker.threads,
        async_concurrency=worker.async_concurrency,
    )
