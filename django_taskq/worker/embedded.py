"""A worker inside the process that enqueues: what a thread pool is, and a process pool."""

import os
import threading

from django.tasks import task_backends

from django_taskq.stores.base import Store
from django_taskq.worker.executors.base import MakeExecutor
from django_taskq.worker.executors.local import LocalExecutor
from django_taskq.worker.holds import is_held
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.worker import Worker

LONGEST_CLOSE = 10.0
IDLE_POLL = 60.0


class EmbeddedPool:
    """A local store and the worker that works it, in threads of this process or in children of it.

    One per alias and process, kept by the registry. `start` is cheap once started; after
    `close` the next `start` begins anew, with the results of before still there.
    """

    def __init__(
        self, store: Store, threads: int, make_executor: MakeExecutor = LocalExecutor
    ) -> None:
        self.store = store
        self._threads = threads
        self._make_executor = make_executor
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker, if it does not run yet and the pool is not held."""
        if self._worker is None and not is_held(self.store.alias):
            self._start()

    def close(self) -> None:
        """Let running jobs end within some seconds; give every queued one a final state."""
        with self._lock:
            worker, thread = self._worker, self._thread
            self._worker = self._thread = None
            if worker is None or thread is None:
                return
            worker.stop()
            if threading.current_thread() is not thread:
                thread.join(LONGEST_CLOSE + 1)
            self.store.close()

    def _start(self) -> None:
        with self._lock:
            if self._worker is not None:
                return
            settings = WorkerSettings(
                name=f"{self.store.alias}:{os.getpid()}",
                threads=self._threads,
                grace=LONGEST_CLOSE,
                poll_interval=IDLE_POLL,
                is_scheduler=self.store.options.scheduler,
            )
            sender = type(task_backends[self.store.alias])
            worker = Worker(self.store, settings, sender, self._make_executor)
            self._thread = threading.Thread(target=worker.run, name=worker.thread_name, daemon=True)
            self._thread.start()
            self._worker = worker
