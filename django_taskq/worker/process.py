"""A process that runs jobs: its workers, each in its thread, and who stops them."""

import logging
import os
import select
import signal
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple

from django.tasks import task_backends

from django_taskq.worker.channel import ASKED, ENDED, GONE, HURRY, RETIRING, STOP, SUSPECTS, Channel
from django_taskq.worker.marks import SharedMarks
from django_taskq.worker.memory import resident_bytes
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.worker import Worker

logger = logging.getLogger("django_taskq.worker")

STOP_SIGNALS = (signal.SIGTERM,)
# What a worker that has ended writes to the pipe: the number of no signal.
OVER = b"\0"
# Seconds between two looks at what the supervisor should know.
LOOK = 0.5


class Plan(NamedTuple):
    """One worker to run: the alias whose store it works, and how."""

    alias: str
    settings: WorkerSettings


class WorkerProcess:
    """Runs the workers of a child until they end by themselves or somebody stops them.

    The main thread only waits for signals and for the supervisor: a handler that runs in the
    middle of a lock of the worker's loop could wait for itself. Python runs handlers in the main
    thread alone, which a signal that arrives in another thread, or just before the main one
    sleeps, does not wake; so it is the interpreter that writes each signal's number to the pipe
    on which it sleeps. `max_memory` is in bytes.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        channel: Channel,
        marks: SharedMarks,
        max_memory: int | None = None,
    ) -> None:
        self._workers = [_worker_of(plan, marks, place) for place, plan in enumerate(plans)]
        self._channel = channel
        self._max_memory = max_memory
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._left = len(self._workers)
        self._lock = threading.Lock()
        self._has_retired = False
        self._has_told_asked = False
        self._is_orphan = False

    def run(self) -> None:
        """Work until everything has stopped, and tell the supervisor what was done."""
        for number in STOP_SIGNALS:
            signal.signal(number, _do_nothing)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        threads = [
            threading.Thread(
                target=self._work, args=(worker,), name=worker.thread_name, daemon=True
            )
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        while self._is_working():
            self._wait()
            self._report()
        for thread in threads:
            thread.join()
        self._report()
        done = sum(worker.done for worker in self._workers)
        released = sum(worker.released for worker in self._workers)
        self._channel.tell(ENDED, done, released)

    def _work(self, worker: Worker) -> None:
        try:
            worker.run()
        except Exception:
            logger.exception("Worker %s of %r broke.", worker.worker_id, worker.store.alias)
        finally:
            with self._lock:
                self._left -= 1
            os.write(self._writer, OVER)

    def _is_working(self) -> bool:
        with self._lock:
            return self._left > 0

    def _wait(self) -> None:
        sources: list[Any] = [self._reader]
        if not self._is_orphan:
            sources.append(self._channel.connection)
        ready, _, _ = select.select(sources, [], [], LOOK)
        if self._reader in ready and any(n in STOP_SIGNALS for n in os.read(self._reader, 64)):
            self._stop()
        if self._channel.connection in ready:
            for verb, *_ in self._channel.hear():
                if verb == STOP:
                    self._stop()
                elif verb == HURRY:
                    self._hurry()
                elif verb == GONE:
                    self._is_orphan = True
                    self._hurry()

    def _report(self) -> None:
        for place, worker in enumerate(self._workers):
            if worker.take_suspects_seen():
                self._channel.tell(SUSPECTS, place)
        if not self._has_told_asked and any(worker.is_stop_asked for worker in self._workers):
            self._has_told_asked = True
            self._channel.tell(ASKED)
        if not self._has_retired and self._should_retire():
            self._has_retired = True
            for worker in self._workers:
                worker.retire()
            self._channel.tell(RETIRING)

    def _should_retire(self) -> bool:
        if any(worker.is_spent for worker in self._workers):
            return True
        if any(worker.is_worn_out for worker in self._workers):
            logger.warning(
                "In process %d as many threads hang as may work: another takes its place.",
                os.getpid(),
            )
            return True
        if self._max_memory is None or (held := resident_bytes()) <= self._max_memory:
            return False
        logger.info(
            "Process %d holds %d MB, more than --max-memory allows: another takes its place.",
            os.getpid(), held // 1_000_000,
        )  # fmt: skip
        return True

    def _stop(self) -> None:
        for worker in self._workers:
            worker.stop()

    def _hurry(self) -> None:
        for worker in self._workers:
            worker.hurry()


def _worker_of(plan: Plan, marks: SharedMarks, place: int) -> Worker:
    backend: Any = task_backends[plan.alias]
    return Worker(backend.store, plan.settings, type(backend), marks=marks.of(place))


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Keep a signal from its default action."""
