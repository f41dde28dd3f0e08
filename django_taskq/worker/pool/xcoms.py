"""The XCom values of a pool, for the jobs in its children."""

from collections.abc import Callable, Sequence
from typing import Any

from django_taskq.exceptions import TaskqError
from django_taskq.jobs.xcom import XCom, XComFilter, XComRecord
from django_taskq.stores.xcoms import XComs
from django_taskq.worker.pool import codec

type Ask = Callable[[str, Sequence[Any]], Any]


class ParentXComs(XComs):
    """The values that the parent keeps in its memory."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def push(self, values: Sequence[XCom]) -> None:
        """Store values, in the parent."""
        self._ask("xcom push", [list(values)])

    def pull(
        self, tenant: str, namespaces: Sequence[str], keys: Sequence[str], by: str | None = None
    ) -> dict[str, str]:
        """Return values as JSON text by key, each from the first namespace that has one."""
        found: dict[str, str] = self._ask("xcom pull", [tenant, list(namespaces), list(keys), by])
        return found

    def find(self, wanted: XComFilter) -> list[XComRecord]:
        """Return the value that counts under each key."""
        return [codec.xcom_records.read(item) for item in self._ask("xcom find", [wanted])]

    def of_job(self, job_id: str, limit: int) -> list[XComRecord]:
        """Return what the attempts of a job pushed, the last one first."""
        told = self._ask("xcom of_job", [job_id, limit])
        return [codec.xcom_records.read(item) for item in told]

    def namespaces(self, tenant: str) -> list[str]:
        """Return the names of the namespaces that have values."""
        return list(self._ask("xcom namespaces", [tenant]))

    def keys(self, tenant: str, namespace: str) -> list[str]:
        """Return the keys under which values are."""
        return list(self._ask("xcom keys", [tenant, namespace]))

    def delete(self, tenant: str, namespace: str, keys: Sequence[str] | None = None) -> int:
        """Delete what is stored under some keys, or all of a namespace."""
        return int(self._ask("xcom delete", [tenant, namespace, keys]))

    def prune(self, limit: int) -> int:
        """Refuse: upkeep is the parent's."""
        raise TaskqError("Expected the process that holds the pool to prune its XCom values.")
