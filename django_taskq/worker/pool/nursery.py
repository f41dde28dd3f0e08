"""The nursery: a process with Django set up, and nothing else, that forks children for a pool.

It has no connection, no lock that somebody may hold and no thread of ours, which a web process
has; and a fork of it is there in milliseconds, which a new interpreter is not.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from select import select
from typing import Any, NoReturn

import django
from django.db import connections
from django.tasks import task_backends

from django_taskq.worker.pool.birth import become_child, read_opening
from django_taskq.worker.pool.child import leave
from django_taskq.worker.pool.config import ChildConfig

CHUNK = 1 << 16


class Nursery:
    """Answers one request after the other; tells of each child that has ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: set[int] = set()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self._reader, False)

    def run(self) -> None:
        """Work until the parent is gone; then end what is left of its children."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        self._tell("ready")
        while True:
            waited: list[Any] = [self._control, self._reader]
            readable = select(waited, [], [])[0]
            if self._reader in readable:
                with suppress(BlockingIOError):
                    os.read(self._reader, 4096)
                self._reap()
            if self._control in readable and not self._answer():
                break
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _answer(self) -> bool:
        # A request is one byte with the end of a wire; what else the child needs is on the wire.
        request, ends, _, _ = socket.recv_fds(self._control, 1, 1)
        if not request:
            return False
        with socket.socket(fileno=ends[0]) as end:
            _, config = read_opening(end)
            if not self._children:
                # An import that kills this process would kill them too.
                preload(config.modules)
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                self._be_child(end, config, parent)
        self._children.add(pid)
        self._tell("born", pid)
        return True

    def _be_child(self, end: socket.socket, config: ChildConfig, parent: int) -> NoReturn:
        try:
            self._control.close()
            os.close(self._reader)
            signal.set_wakeup_fd(-1)
            os.close(self._writer)
            become_child(end, config, parent)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(1)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid in self._children:
                    self._children.remove(pid)
                    self._tell("died", pid, os.waitstatus_to_exitcode(status))

    def _tell(self, *message: object) -> None:
        with suppress(OSError):
            self._control.sendall(json.dumps(message).encode() + b"\n")


def preload(modules: Iterable[str]) -> None:
    """Import modules of tasks, so that children share them and start with them.

    One that cannot be imported here is left to the child: there it fails the jobs that need it.
    """
    for name in modules:
        if name not in sys.modules:
            with suppress(Exception):
                import_module(name)
    connections.close_all()


def main(number: int) -> NoReturn:
    """Be a nursery: the control socket has this number."""
    django.setup()
    # What the backends of TASKS need is imported by the first look at them.
    with suppress(Exception):
        task_backends.all()
    preload([])
    Nursery(socket.socket(fileno=number)).run()
    leave()
