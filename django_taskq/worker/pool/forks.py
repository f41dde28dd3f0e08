"""What must not reach the forked children of a process: the ends of sockets that it waits on."""

import os
import socket
from collections.abc import Callable
from weakref import WeakSet


class _Kept:
    """The sockets and the memories of this process that a fork would copy."""

    def __init__(self) -> None:
        self.ends: WeakSet[socket.socket] = WeakSet()
        self.forget: list[Callable[[], None]] = []
        self.is_watching = False

    def watch(self) -> None:
        if not self.is_watching:
            self.is_watching = True
            os.register_at_fork(after_in_child=self.drop)

    def drop(self) -> None:
        # Closed and not shut down: it is still open in the parent.
        for end in list(self.ends):
            end.close()
        self.ends.clear()
        for forget in self.forget:
            forget()


_kept = _Kept()


def keep_from_forks(end: socket.socket) -> None:
    """Have a socket closed in every process that is forked from this one.

    A copy there would keep the other end from hearing that this process has died.
    """
    _kept.watch()
    _kept.ends.add(end)


def forget_in_forks(forget: Callable[[], None]) -> None:
    """Have a function called in every process that is forked from this one."""
    _kept.watch()
    _kept.forget.append(forget)
