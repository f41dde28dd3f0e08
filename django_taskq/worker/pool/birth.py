"""How a process becomes the child of a pool."""

import gc
import json
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import django
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_taskq.worker.connections import renew_sync_thread
from django_taskq.worker.orphans import die_with
from django_taskq.worker.pool.child import Child
from django_taskq.worker.pool.config import ChildConfig, apply_config
from django_taskq.worker.pool.wire import Wire

# Connections of a parent that forked: to let go of them would talk on its sockets.
_inherited: list[Any] = []


def become_child(end: socket.socket, config: ChildConfig, parent: int) -> NoReturn:
    """Run the jobs of a pool until it closes its end of the wire. Django is set up already.

    `parent` is the process that may not be outlived.
    """
    hear_no_signals()
    renew_sync_thread()
    die_with(parent)
    apply_config(config)
    Child(Wire(end), config.alias, is_burst=config.is_burst).run()


def hear_no_signals() -> None:
    """Leave it to the parent when to stop: it gets the same Ctrl-C, or the same SIGTERM.

    What the parent has set for other signals is no business of a child. The function that does
    nothing, unlike SIG_IGN, is not handed on to programs that a job starts.
    """
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


def open_connections() -> list[Any]:
    """Return what every thread of this process has open to databases, as their drivers see it."""
    # Django knows those of the current thread alone.
    found = [each for each in gc.get_objects() if issubclass(type(each), BaseDatabaseWrapper)]
    return [each.connection for each in found if each.connection is not None]


def forget_connections(inherited: Sequence[Any]) -> None:
    """Drop, in a forked process, what its parent had open to databases; tell no server of it."""
    # What is collected would take its leave of the server on a socket that is the parent's.
    _inherited.extend(inherited)
    for connection in connections.all(initialized_only=True):
        # PostgreSQL's pools are kept by the class, for all threads.
        pools: dict[str, Any] = getattr(connection, "_connection_pools", {})
        _inherited.extend([connection, dict(pools)])
        pools.clear()
        del connections[connection.alias]
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        for driven in inherited:
            _close_silently(driven, nothing.fileno())


def _close_silently(driven: Any, nothing: int) -> None:
    """Put nothing in the place of a connection's socket, where its driver tells which it is."""
    with suppress(Exception):
        os.dup2(nothing, driven.fileno(), inheritable=False)


def main(number: int) -> NoReturn:
    """Be a child that was spawned: the first line on its wire says for whom."""
    end = socket.socket(fileno=number)
    parent, config = read_opening(end)
    django.setup()
    become_child(end, config, parent)


def write_opening(config: ChildConfig) -> bytes:
    """Return the first line of a wire."""
    return json.dumps([os.getpid(), config]).encode() + b"\n"


def read_opening(end: socket.socket) -> tuple[int, ChildConfig]:
    """Read the first line of a wire, and not a byte more. Raise EOFError where there is none."""
    line = b""
    while not line.endswith(b"\n"):
        piece = end.recv(1)
        if not piece:
            raise EOFError
        line += piece
    parent, config = json.loads(line)
    return parent, ChildConfig(*config)
