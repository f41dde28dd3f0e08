"""XCom values in rows, of attempts that their rows may not know of yet."""

from collections.abc import Callable, Sequence

from django_taskq.jobs.xcom import XCom, XComFilter, XComRecord
from django_taskq.stores.xcoms import XComs


class DurableXComs(XComs):
    """The values of one backend alias: those of its rows, once these know who pushed them."""

    def __init__(self, rows: XComs, mark: Callable[[Sequence[XCom]], None]) -> None:
        self._rows = rows
        self._mark = mark

    def push(self, values: Sequence[XCom]) -> None:
        """Store values, as part of the caller's transaction."""
        self._mark(values)
        self._rows.push(values)

    def pull(
        self, tenant: str, namespaces: Sequence[str], keys: Sequence[str], by: str | None = None
    ) -> dict[str, str]:
        """Return values as JSON text by key, each from the first namespace that has one."""
        return self._rows.pull(tenant, namespaces, keys, by)

    def find(self, wanted: XComFilter) -> list[XComRecord]:
        """Return the value that counts under each key, the one pushed last first."""
        return self._rows.find(wanted)

    def of_job(self, job_id: str, limit: int) -> list[XComRecord]:
        """Return what the attempts of a job pushed, the last one first."""
        return self._rows.of_job(job_id, limit)

    def namespaces(self, tenant: str) -> list[str]:
        """Return the names of the namespaces that have values."""
        return self._rows.namespaces(tenant)

    def keys(self, tenant: str, namespace: str) -> list[str]:
        """Return the keys under which values are."""
        return self._rows.keys(tenant, namespace)

    def delete(self, tenant: str, namespace: str, keys: Sequence[str] | None = None) -> int:
        """Delete what is stored under some keys, or all of a namespace."""
        return self._rows.delete(tenant, namespace, keys)

    def prune(self, limit: int) -> int:
        """Delete at most `limit` values that have expired."""
        return self._rows.prune(limit)
