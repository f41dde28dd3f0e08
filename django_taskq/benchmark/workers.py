"""The processes that work a private alias: what `runworker` starts, without its supervisor."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from time import monotonic
from typing import Any

from django.db import Error as DatabaseError

from django_taskq.benchmark.alias import PrivateAlias, installed
from django_taskq.benchmark.interrupts import undisturbed
from django_taskq.control import store_of
from django_taskq.exceptions import BenchmarkError
from django_taskq.jobs.filters import JobFilter
from django_taskq.stores.base import Store
from django_taskq.worker.channel import HURRY, Channel
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.deaths import describe_exit
from django_taskq.worker.loop import told
from django_taskq.worker.marks import SharedMarks
from django_taskq.worker.process import Plan, WorkerProcess
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.supervision.birth import come_alive
from django_taskq.worker.supervision.orders import Orders

# What a process tells once it could start, with what is in its way; what it then waits for.
READY, GO = "ready", "go"

LONGEST_START = 60.0
LONGEST_STOP = 15.0
QUIET = 0


class BenchProcess:
    """One process that works a private alias, and the channel to it.

    It is spawned: whatever connections and threads its parent has are none of its business.
    """

    def __init__(self, alias: PrivateAlias, settings: WorkerSettings) -> None:
        context = multiprocessing.get_context("spawn")
        orders = Orders((Plan(alias.name, settings),))
        ours, theirs = context.Pipe()
        self._channel = Channel(ours)
        marks = SharedMarks(context, orders.places, orders.slots)
        self._process = context.Process(
            target=work, args=(os.getpid(), Channel(theirs), marks, alias, settings)
        )
        with _without_ctrl_c():
            self._process.start()
        theirs.close()

    def wait_ready(self, deadline: float) -> None:
        """Wait until the process could start. Raise BenchmarkError where it never will."""
        heard: list[list[Any]] = []
        if self._channel.connection.poll(max(0.0, deadline - monotonic())):
            heard = self._channel.hear()
        if not heard:
            raise BenchmarkError(
                f"Expected a worker process to be ready within {LONGEST_START:g} s, got no answer."
            )
        if heard[0][0] != READY:
            self._process.join(max(0.0, deadline - monotonic()))
            self.check()
        elif heard[0][1]:
            raise BenchmarkError(
                f"A worker process with the same settings does not see the jobs that were "
                f"enqueued: {heard[0][1]} An SQLite database in memory cannot be shared; keep it "
                "in a file."
            )

    def go(self) -> None:
        """Let the process work."""
        self._channel.tell(GO)

    def check(self) -> None:
        """Raise BenchmarkError where the process has ended."""
        self._process.join(0)
        if self._process.exitcode is not None:
            raise BenchmarkError(
                f"A worker process {describe_exit(self._process.exitcode)} before the benchmark "
                "was over. What it had to say stands above."
            )

    def stop(self, deadline: float) -> None:
        """Have the process give back what it holds and end, by force when the time is over."""
        self._channel.tell(HURRY)
        self._process.join(max(0.0, deadline - monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._channel.close()


class BenchProcesses:
    """All processes of a benchmark."""

    def __init__(self) -> None:
        self._started: list[BenchProcess] = []

    def start(self, alias: PrivateAlias, settings: WorkerSettings, count: int) -> None:
        """Start processes and return when all could work. Raise BenchmarkError."""
        deadline = monotonic() + LONGEST_START
        for _ in range(count):
            self._started.append(BenchProcess(alias, settings))
        for process in self._started:
            process.wait_ready(deadline)

    def go(self) -> None:
        """Let all work, at the same time."""
        for process in self._started:
            process.go()

    def check(self) -> None:
        """Raise BenchmarkError where one has ended."""
        for process in self._started:
            process.check()

    def stop(self) -> None:
        """End all."""
        deadline = monotonic() + LONGEST_STOP
        for process in self._started:
            process.stop(deadline)
        self._started.clear()


@contextmanager
def bench_processes() -> Iterator[BenchProcesses]:
    """Give a place to start processes in; none outlives the block."""
    made = BenchProcesses()
    try:
        yield made
    finally:
        with undisturbed():
            made.stop()


def work(
    parent_pid: int,
    channel: Channel,
    marks: SharedMarks,
    alias: PrivateAlias,
    settings: WorkerSettings,
) -> None:
    """Get ready, wait for the word, work until stopped; the body of a process."""
    come_alive(parent_pid, QUIET)
    with installed(alias):
        channel.tell(READY, _find_obstacle(store_of(alias.name)))
        drop_connections()
        channel.connection.poll(None)
        if [GO] in channel.hear():
            WorkerProcess([Plan(alias.name, settings)], channel, marks).run()


def _find_obstacle(store: Store) -> str:
    """Return in a sentence why this process would wait for jobs in vain; "" where it would not."""
    try:
        return "" if store.find(JobFilter(limit=1)) else "It finds none."
    except DatabaseError as error:
        return f"{told(error)}."


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Hold Ctrl-C back: a process that starts meanwhile never gets it, this one does after."""
    # It starts with the first process that is spawned, and lets the signal through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
