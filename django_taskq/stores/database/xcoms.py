"""XCom values in rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from django_taskq.jobs.states import WAITING
from django_taskq.jobs.xcom import XCom, XComFilter, XComRecord
from django_taskq.models import Job
from django_taskq.models import XCom as Row
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.newest import Newest
from django_taskq.stores.database.place import Place
from django_taskq.stores.xcoms import XComs

# Rows per statement.
CHUNK = 1000

_COLUMNS = (
    "tenant", "namespace", "key", "value", "pushed_at", "expires_at", "job_id", "attempt",
    "pushed_by",
)  # fmt: skip

type Slot = tuple[str, str, str, int | None]


class DatabaseXComs(XComs):
    """The values of one backend alias."""

    def __init__(self, place: Place, newest: Newest) -> None:
        self.place = place
        self._newest = newest

    def push(self, values: Sequence[XCom]) -> None:
        """Store values, as part of the caller's transaction."""
        # The last one of a slot is the one that counts, here as over time.
        slots = {_slot(value): value for value in values}
        for chunk in batched(slots.values(), CHUNK):
            self.place.settle(self._push, chunk)

    def _push(self, values: Sequence[XCom]) -> None:
        now = self.place.clock.read(self.place.connection)
        rows = [Row(**self._columns(value), **_moments(value.ttl, now)) for value in values]
        old = self._superseded(values)
        if not old:
            self._rows().bulk_create(rows)
            return
        with self.place.transaction():
            self._rows().bulk_create(rows)
            self._delete(old)

    def _columns(self, value: XCom) -> dict[str, Any]:
        pusher = value.pusher
        columns = {
            "backend": self.place.backend,
            "tenant": value.tenant,
            "namespace": value.namespace,
            "key": value.key,
            "value": value.value,
        }
        if pusher is None:
            return columns
        return columns | {
            "job_seq": pusher.seq,
            "attempt": pusher.attempt,
            "job_id": UUID(pusher.job_id),
            "pushed_by": pusher.name,
        }

    def _superseded(self, values: Sequence[XCom]) -> list[int]:
        """Return the rows whose place these values take: of the same jobs, or of none.

        Never of a later attempt: what comes late from an earlier one must not delete its values.
        """
        attempts = {_slot(value): value.pusher.attempt if value.pusher else 0 for value in values}
        keys = {value.key for value in values}
        seqs = {value.pusher.seq for value in values if value.pusher is not None}
        found: list[Any] = []
        if seqs:
            found += self._rows().filter(job_seq__in=seqs, key__in=keys).values_list(*_SLOT)
        for tenant, namespace in {(v.tenant, v.namespace) for v in values if v.pusher is None}:
            ours = self._rows().filter(tenant=tenant, namespace=namespace, key__in=keys)
            found += ours.filter(job_seq=None).values_list(*_SLOT)
        return [
            id
            for id, attempt, *slot in found
            if (limit := attempts.get(tuple(slot))) is not None
            and (slot[-1] is None or attempt <= limit)
        ]

    def pull(
        self, tenant: str, namespaces: Sequence[str], keys: Sequence[str], by: str | None = None
    ) -> dict[str, str]:
        """Return values as JSON text by key, each from the first namespace that has one."""
        found: dict[str, str] = {}
        for chunk in batched(dict.fromkeys(keys), self._newest.most):
            found |= self._newest.under(tenant, namespaces, chunk, by)
        return found

    def find(self, wanted: XComFilter) -> list[XComRecord]:
        """Return the value that counts under each key, the one pushed last first."""
        fields = {"tenant": wanted.tenant, "namespace": wanted.namespace}
        named = {name: value for name, value in fields.items() if value is not None}
        newest = (
            self._readable().filter(**named).order_by().values("tenant", "namespace", "key")
            .annotate(newest=Max("pk")).values("newest")
        )  # fmt: skip
        rows = self._rows().filter(pk__in=newest).order_by("-pk").values_list(*_COLUMNS)
        return [_record_of(row) for row in rows[: wanted.limit]]

    def of_job(self, job_id: str, limit: int) -> list[XComRecord]:
        """Return what the attempts of a job pushed, the last one first."""
        job = self.place.jobs().filter(public_id=UUID(job_id)).values("pk")
        rows = self._rows().filter(job_seq__in=job).order_by("-pk").values_list(*_COLUMNS)
        return [_record_of(row) for row in rows[:limit]]

    def namespaces(self, tenant: str) -> list[str]:
        """Return the names of the namespaces that have values."""
        found = self._readable().filter(tenant=tenant).order_by()
        return sorted(found.values_list("namespace", flat=True).distinct())

    def keys(self, tenant: str, namespace: str) -> list[str]:
        """Return the keys under which values are."""
        found = self._readable().filter(tenant=tenant, namespace=namespace).order_by()
        return sorted(found.values_list("key", flat=True).distinct())

    def delete(self, tenant: str, namespace: str, keys: Sequence[str] | None = None) -> int:
        """Delete what is stored under some keys, or all of a namespace."""
        rows = self._rows().filter(tenant=tenant, namespace=namespace)
        if keys is None:
            return self._delete_found(rows.order_by("key", "pk"))
        return sum(
            self._delete_found(rows.filter(key__in=chunk).order_by("key", "pk"))
            for chunk in batched(keys, CHUNK)
        )

    def prune(self, limit: int) -> int:
        """Delete at most `limit` values that have expired."""
        place = self.place
        if limit <= 0:
            return 0
        now = place.clock.expression(place.connection)
        return self._delete_found(
            self._rows().filter(expires_at__lte=now).order_by("expires_at"), limit
        )

    def _delete_found(self, rows: QuerySet[Row], limit: int | None = None) -> int:
        """Delete rows a batch at a time, so that nobody waits long for a lock of ours."""
        deleted = 0
        while limit is None or deleted < limit:
            room = CHUNK if limit is None else min(CHUNK, limit - deleted)
            ids = list(rows.values_list("pk", flat=True)[:room])
            if ids:
                self.place.settle(self._delete, ids)
            deleted += len(ids)
            if len(ids) < room:
                break
        return deleted

    def _delete(self, ids: Sequence[int]) -> None:
        self._rows().filter(pk__in=ids)._raw_delete(self.place.database)

    def _rows(self) -> QuerySet[Row]:
        return rows_of(self.place)

    def _readable(self) -> QuerySet[Row]:
        """Return the rows that may be read: not expired, and of a current attempt."""
        place = self.place
        current = Job._default_manager.using(place.database).filter(
            pk=OuterRef("job_seq"), attempt=OuterRef("attempt")
        )
        now = place.clock.expression(place.connection)
        return self._rows().filter(
            Q(expires_at=None) | Q(expires_at__gt=now),
            Q(job_seq=None) | Exists(current.exclude(state__in=WAITING)),
        )


def rows_of(place: Place) -> QuerySet[Row]:
    """Return the values of a backend."""
    return Row._default_manager.using(place.database).filter(backend=place.backend)


def outlive(place: Place, seqs: Iterable[int]) -> None:
    """Have values stay whose jobs are about to be deleted; the caller has locked these.

    They have a life of their own, and those who wait for them may run later. What earlier attempts
    left goes with the job.
    """
    rows = rows_of(place).filter(job_seq__in=list(seqs))
    found = list(rows.values_list("pk", "job_seq", "attempt"))
    if not found:
        return
    jobs = place.jobs().filter(pk__in={seq for _, seq, _ in found})
    attempts = dict(jobs.values_list("pk", "attempt"))
    kept = [id for id, seq, attempt in found if seq and attempts.get(seq) == attempt]
    rows.exclude(pk__in=kept)._raw_delete(place.database)
    rows.filter(pk__in=kept).update(job_seq=None)


_SLOT = ("pk", "attempt", "tenant", "namespace", "key", "job_seq")


def _slot(value: XCom) -> Slot:
    """Return what only one value of a job, or of none, may have."""
    pusher = value.pusher
    return value.tenant, value.namespace, value.key, None if pusher is None else pusher.seq


def _moments(ttl: float | None, now: datetime) -> dict[str, Any]:
    """Return when a value is pushed and expires, as columns."""
    expires_at = None if ttl is None else now + timedelta(seconds=ttl)
    return {"pushed_at": storable(now), "expires_at": storable(expires_at)}


def _record_of(row: Sequence[Any]) -> XComRecord:
    record = XComRecord._make(row)
    return record._replace(
        pushed_at=aware(record.pushed_at),
        expires_at=aware(record.expires_at),
        job_id=record.job_id and str(record.job_id),
    )
