"""A child as its parent holds it, and the ways to start one."""

import os
import signal
import socket
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic

from django_taskq.worker.pool.birth import (
    become_child,
    forget_connections,
    open_connections,
    read_opening,
    write_opening,
)
from django_taskq.worker.pool.config import ChildConfig
from django_taskq.worker.pool.forks import forget_in_forks
from django_taskq.worker.pool.imports import let_imports_end
from django_taskq.worker.pool.nurse import Nurse, NurseryGone
from django_taskq.worker.pool.spawning import spawn
from django_taskq.worker.pool.wire import Wire

LOOK_EVERY = 0.01
LONGEST_KILL = 5.0

type Start = Callable[[socket.socket, Wire, ChildConfig], "ChildProcess"]


class ChildProcess(ABC):
    """A child, and this process's end of its wire. Held by one thread."""

    def __init__(self, pid: int, wire: Wire) -> None:
        self.pid = pid
        self.wire = wire
        self.exitcode: int | None = None

    def end(self, patience: float) -> int | None:
        """Return the exit code, None where nobody knows it.

        A process that has not ended within `patience` seconds is killed.
        """
        if not self._has_ended_within(patience):
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._has_ended_within(LONGEST_KILL)
        self.wire.close()
        return self.exitcode

    def _has_ended_within(self, seconds: float) -> bool:
        deadline = monotonic() + seconds
        pause = threading.Event()
        while not self._has_ended():
            if monotonic() >= deadline:
                return False
            pause.wait(LOOK_EVERY)
        return True

    @abstractmethod
    def _has_ended(self) -> bool:
        """Tell whether the process has ended, and keep its exit code."""


class ForkedChild(ChildProcess):
    """A copy of this process."""

    def _has_ended(self) -> bool:
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            # Another part of this process waits for every child, whosever it is.
            return True
        if pid:
            self.exitcode = os.waitstatus_to_exitcode(status)
        return bool(pid)


class SpawnedChild(ChildProcess):
    """A new interpreter."""

    def __init__(self, process: "subprocess.Popen[bytes]", wire: Wire) -> None:
        super().__init__(process.pid, wire)
        self._process = process

    def _has_ended(self) -> bool:
        self.exitcode = self._process.poll()
        return self.exitcode is not None


class NurseryChild(ChildProcess):
    """A fork of the nursery."""

    def __init__(self, pid: int, wire: Wire, nurse: Nurse) -> None:
        super().__init__(pid, wire)
        self._nurse = nurse

    def _has_ended(self) -> bool:
        try:
            self.exitcode = self._nurse.poll(self.pid)
        except NurseryGone:
            # It takes its children with it.
            return True
        return self.exitcode is not None


class _Birthplace:
    """What children are started with in this process, one at a time.

    A copy of a wire's other end, in a child that was forked meanwhile, would outlive its owner.
    """

    def __init__(self) -> None:
        self.forget()
        self._is_watching = False

    def forget(self) -> None:
        self.lock = threading.Lock()
        self._nurse: Nurse | None = None
        self._deadly: set[str] = set()

    def start(self, method: str, config: ChildConfig) -> ChildProcess:
        if not self._is_watching:
            self._is_watching = True
            forget_in_forks(self.forget)
        with self.lock:
            if method == "fork":
                return self._make(_fork, config)
            if method == "spawn":
                return self._make(_spawn, config)
            return self._bear(config)

    def _bear(self, config: ChildConfig) -> ChildProcess:
        config = config._replace(modules=sorted(set(config.modules) - self._deadly))
        try:
            return self._bear_of(self._nurse, config)
        except NurseryGone:
            self._drop_nurse()
        try:
            return self._bear_of(None, config)
        except NurseryGone:
            if not config.modules:
                raise
            self._drop_nurse()
        # It may be the import of one of these that kills it. Let that be a matter of the jobs.
        self._deadly.update(config.modules)
        return self._bear_of(None, config._replace(modules=[]))

    def _bear_of(self, nurse: Nurse | None, config: ChildConfig) -> ChildProcess:
        nurse = self._nurse = nurse or Nurse()
        return self._make(partial(_bear, nurse), config)

    def _drop_nurse(self) -> None:
        if self._nurse is not None:
            self._nurse.close()
            self._nurse = None

    def _make(self, start: Start, config: ChildConfig) -> ChildProcess:
        ours, theirs = socket.socketpair()
        wire = Wire(ours)
        try:
            ours.sendall(write_opening(config))
            with theirs:
                return start(theirs, wire, config)
        except BaseException:
            wire.close()
            raise


_birthplace = _Birthplace()


def start_child(method: str, config: ChildConfig) -> ChildProcess:
    """Start a child by one of the START_METHODs. It says that it is ready on its wire.

    Raise OSError or NurseryGone where it cannot be started.
    """
    return _birthplace.start(method, config)


def _fork(theirs: socket.socket, wire: Wire, config: ChildConfig) -> ChildProcess:
    parent, inherited = os.getpid(), open_connections()
    let_imports_end()
    pid = os.fork()
    if pid == 0:
        try:
            forget_connections(inherited)
            read_opening(theirs)
            become_child(theirs, config, parent)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(1)
    return ForkedChild(pid, wire)


def _spawn(theirs: socket.socket, wire: Wire, config: ChildConfig) -> ChildProcess:
    return SpawnedChild(spawn("django_taskq.worker.pool.birth", theirs), wire)


def _bear(nurse: Nurse, theirs: socket.socket, wire: Wire, config: ChildConfig) -> ChildProcess:
    return NurseryChild(nurse.bear(theirs), wire, nurse)
