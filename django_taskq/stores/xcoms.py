"""The contract for XCom values: every verb that reads or changes those of one store.

A value belongs to the attempt that pushed it and is fenced where it is read, not where it is
written: it may be read while that attempt is its job's current one, so while it runs and once the
job has ended with it. What an attempt pushed that failed, was lost, or lost its lease, nobody
reads. A value without a pusher is always read, and so is what the last attempt of a job pushed
that was deleted, pruned or dropped since: values have a life of their own.

Of the values under one key that may be read the one that was pushed last counts. What has expired
is as if it had never been pushed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from django_taskq.jobs.xcom import XCom, XComFilter, XComRecord


class XComs(ABC):
    """The values of one store. Methods are safe to call from any thread."""

    @abstractmethod
    def push(self, values: Sequence[XCom]) -> None:
        """Store values, later ones over earlier ones.

        Each takes the place of what the same job, or nobody's job, had under its key. A durable
        store takes part in the caller's transaction. Pushing the same values twice changes nothing
        the second time but how long they live.
        """

    @abstractmethod
    def pull(
        self, tenant: str, namespaces: Sequence[str], keys: Sequence[str], by: str | None = None
    ) -> dict[str, str]:
        """Return values as JSON text by key, each from the first namespace that has one.

        Missing ones are left out. `by` asks for what a job of that name pushed, and nobody else.
        A thousand keys are few statements.
        """

    @abstractmethod
    def find(self, wanted: XComFilter) -> list[XComRecord]:
        """Return the value that counts under each key, the one pushed last first."""

    @abstractmethod
    def of_job(self, job_id: str, limit: int) -> list[XComRecord]:
        """Return what the attempts of a job pushed, the last one first, also what nobody reads.

        What was pushed for a job that is gone may be left out.
        """

    @abstractmethod
    def namespaces(self, tenant: str) -> list[str]:
        """Return the names of the namespaces that have values, sorted."""

    @abstractmethod
    def keys(self, tenant: str, namespace: str) -> list[str]:
        """Return the keys under which values are, sorted."""

    @abstractmethod
    def delete(self, tenant: str, namespace: str, keys: Sequence[str] | None = None) -> int:
        """Delete what is stored under some keys, or all of a namespace; return how many values.

        Whoever pushed it: values that nobody reads any more count too.
        """

    @abstractmethod
    def prune(self, limit: int) -> int:
        """Delete at most `limit` values that have expired; return how many."""
