"""Jobs in memory, worked from inside the process that enqueues them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from django_taskq.backends.base import TaskqBackend
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.stores.memory import MemoryStore
from django_taskq.stores.registry import registry
from django_taskq.stores.rules import RuleRows
from django_taskq.worker.embedded import EmbeddedPool
from django_taskq.worker.pool.upstream import find_parent_store


class PoolBackend(TaskqBackend):
    """The memory store with a worker inside this process, started by the first enqueue.

    Inside a child of a process pool there is no pool: its jobs live in the parent.
    """

    needs_worker: ClassVar[bool] = False

    def open_store(self) -> Store:
        """Return this process's memory store for the alias, or the parent's."""
        store = find_parent_store(self.alias, self.settings)
        if store is not None:
            self._pool: EmbeddedPool | None = None
            return store
        self._pool = registry.get(self.alias, self.make_pool, self.settings)
        return self._pool.store

    def start(self) -> None:
        """Start the pool before the first enqueue, so that its schedules tick from now on."""
        store = self.store
        if self._pool is not None and store.is_local:
            self._pool.start()

    def close(self) -> None:
        """Let running jobs end, give every queued one a final state, stop the pool."""
        registry.get(self.alias, self.make_pool, self.settings).close()

    @staticmethod
    @abstractmethod
    def make_pool(alias: str, options: Options) -> EmbeddedPool:
        """Make the pool of an alias."""

    def _insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        inserted = super()._insert(specs)
        if self._pool is not None:
            self._pool.start()
        return inserted

    def accept(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs that a child of a process pool has enqueued, and have them run."""
        return self._insert(specs)


def make_store(alias: str, options: Options) -> MemoryStore:
    """Make the store of a pool, which goes by the rows of tenants and queues where there are any.

    They are read in the pool's own threads, which need no connection beside.
    """
    return MemoryStore(alias, options, rules=RuleRows(closes=True).refresh)
