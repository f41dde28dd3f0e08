"""Jobs in memory, run by processes of their own: true parallelism, and a crash costs one job."""

import os
import sys
from functools import partial

from django_taskq.backends.base import Obstacle
from django_taskq.backends.pool import PoolBackend, make_store
from django_taskq.exceptions import InvalidOptions
from django_taskq.options import PROCESS_POOL, Options
from django_taskq.worker.embedded import EmbeddedPool
from django_taskq.worker.pool.config import has_settings_module
from django_taskq.worker.pool.executor import ProcessExecutor


class ProcessPoolBackend(PoolBackend):
    """The memory store with a worker inside this process that runs each job in a child."""

    readers = PROCESS_POOL

    @classmethod
    def find_obstacle(cls, options: Options) -> Obstacle | None:
        """Return why children could not start."""
        if method_of(options) == "fork" or has_settings_module():
            return None
        return Obstacle(
            "The children of a process pool read the settings module that DJANGO_SETTINGS_MODULE "
            "names, which is not set.",
            "Set it, or choose START_METHOD = 'fork', which copies this process.",
        )

    @staticmethod
    def make_pool(alias: str, options: Options) -> EmbeddedPool:
        """Make the pool of an alias. Raise InvalidOptions where children find no settings."""
        obstacle = ProcessPoolBackend.find_obstacle(options)
        if obstacle is not None:
            raise InvalidOptions(f"TASKS[{alias!r}]: {obstacle.message} {obstacle.hint}")
        make_executor = partial(ProcessExecutor, method=method_of(options))
        workers = options.max_workers or count_cpus()
        return EmbeddedPool(make_store(alias, options), workers, make_executor)


def method_of(options: Options) -> str:
    """Return how children start: by what is safe beside the threads of a web process."""
    return options.start_method or ("forkserver" if sys.platform == "linux" else "spawn")


def count_cpus() -> int:
    """Return how many CPUs this process may use."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
