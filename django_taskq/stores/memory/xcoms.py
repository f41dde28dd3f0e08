"""XCom values in memory."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from django_taskq.jobs.xcom import XCom, XComFilter, XComRecord
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.shelf import Kept, Shelf
from django_taskq.stores.xcoms import XComs


class MemoryXComs(XComs):
    """The values of a memory store, behind its lock."""

    def __init__(
        self,
        lock: threading.Lock,
        shelf: Shelf,
        jobs: dict[str, MemoryJob],
        clock: Callable[[], datetime],
    ) -> None:
        self._lock = lock
        self._shelf = shelf
        self._jobs = jobs
        self._clock = clock

    def push(self, values: Sequence[XCom]) -> None:
        """Store values."""
        now = self._clock()
        with self._lock:
            for value in values:
                pusher = value.pusher
                job = None if pusher is None else self._jobs.get(pusher.job_id)
                # Of an earlier attempt, or of a job that is gone, nobody would read it.
                if pusher is None or (job is not None and job.attempt == pusher.attempt):
                    self._shelf.put(value, job, now)

    def pull(
        self, tenant: str, namespaces: Sequence[str], keys: Sequence[str], by: str | None = None
    ) -> dict[str, str]:
        """Return values as JSON text by key, each from the first namespace that has one."""
        now = self._clock()
        found: dict[str, str] = {}
        with self._lock:
            for namespace in reversed(namespaces):
                for key in keys:
                    kept = self._shelf.top((tenant, namespace), key, now, by)
                    if kept is not None:
                        found[key] = kept.xcom.value
        return found

    def find(self, wanted: XComFilter) -> list[XComRecord]:
        """Return the value that counts under each key, the one pushed last first."""
        now = self._clock()
        with self._lock:
            found = [
                kept
                for tenant, namespace in list(self._shelf.spaces)
                if wanted.tenant in (None, tenant) and wanted.namespace in (None, namespace)
                for kept in self._shelf.tops((tenant, namespace), now)
            ]
        found.sort(key=lambda kept: kept.number, reverse=True)
        return [_record_of(kept) for kept in found[: wanted.limit]]

    def of_job(self, job_id: str, limit: int) -> list[XComRecord]:
        """Return what the attempts of a job pushed, the last one first."""
        with self._lock:
            job = self._jobs.get(job_id)
            found = [] if job is None else self._shelf.of_job(job)
        return [_record_of(kept) for kept in found[:limit]]

    def namespaces(self, tenant: str) -> list[str]:
        """Return the names of the namespaces that have values."""
        return sorted({record.namespace for record in self.find(XComFilter(tenant))})

    def keys(self, tenant: str, namespace: str) -> list[str]:
        """Return the keys under which values are."""
        return sorted(record.key for record in self.find(XComFilter(tenant, namespace)))

    def delete(self, tenant: str, namespace: str, keys: Sequence[str] | None = None) -> int:
        """Delete what is stored under some keys, or all of a namespace."""
        with self._lock:
            return self._shelf.delete((tenant, namespace), keys)

    def prune(self, limit: int) -> int:
        """Delete values that have expired."""
        now = self._clock()
        with self._lock:
            return self._shelf.expire(now, limit)


def _record_of(kept: Kept) -> XComRecord:
    xcom, pusher = kept.xcom, kept.xcom.pusher
    return XComRecord(
        xcom.tenant, xcom.namespace, xcom.key, xcom.value, kept.pushed_at, kept.expires_at,
        None if pusher is None else pusher.job_id,
        None if pusher is None else pusher.attempt,
        None if pusher is None else pusher.name,
    )  # fmt: skip
