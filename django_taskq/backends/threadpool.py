"""Jobs in memory, run by threads of this process: nothing else to install or start."""

from django_taskq.backends.pool import PoolBackend, make_store
from django_taskq.options import POOL, Options
from django_taskq.worker.embedded import EmbeddedPool

DEFAULT_THREADS = 10


class ThreadPoolBackend(PoolBackend):
    """The memory store with a worker inside this process, started by the first enqueue."""

    readers = POOL

    @staticmethod
    def make_pool(alias: str, options: Options) -> EmbeddedPool:
        """Make the pool of an alias."""
        return EmbeddedPool(make_store(alias, options), options.max_workers or DEFAULT_THREADS)
