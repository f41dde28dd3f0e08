"""The socket between a pool and a child: one line of JSON a message, and nothing pickled."""

import json
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from select import POLLOUT, poll
from typing import Any

from django_taskq.worker.pool.forks import keep_from_forks

CHUNK = 1 << 18

type Message = Sequence[Any]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return [getattr(value, item.name) for item in fields(value)]
    raise TypeError(f"Expected a value that goes over the wire, got {type(value)}.")


# Named tuples are written as lists. ASCII alone, so that a line ends nowhere but at its end.
_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
_decode = json.JSONDecoder().raw_decode


class Wire:
    """One end. Any thread may send; one thread receives."""

    def __init__(self, end: socket.socket) -> None:
        keep_from_forks(end)
        self._socket = end
        self._lock = threading.Lock()
        self._rest: list[str] = []

    def fileno(self) -> int:
        """Return the number to wait on."""
        return self._socket.fileno()

    def send(self, *messages: Message) -> None:
        """Send messages in one piece. Raise OSError where the other end is gone."""
        data = "".join([_encode(message) + "\n" for message in messages]).encode()
        with self._lock:
            self._socket.sendall(data)

    def try_send(self, make: Callable[[], Sequence[Message]]) -> bool:
        """Send short messages, unless that would have to wait; return whether it was done.

        `make` is called only when they can be sent.
        """
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if not self._has_room():
                return False
            data = "".join([_encode(message) + "\n" for message in make()]).encode()
            self._socket.sendall(data)
        finally:
            self._lock.release()
        return True

    def receive(self) -> list[list[Any]]:
        """Wait for data and return the messages that are complete, maybe none.

        Raise EOFError where the other end is gone.
        """
        try:
            data = self._socket.recv(CHUNK).decode("ascii")
        except OSError:
            data = ""
        if not data:
            raise EOFError
        *lines, rest = data.split("\n")
        if not lines:
            self._rest.append(rest)
            return []
        if self._rest:
            lines[0] = "".join([*self._rest, lines[0]])
        self._rest = [rest] if rest else []
        return [_decode(line)[0] for line in lines]

    def _has_room(self) -> bool:
        # Linux says so only where much of the buffer is free: a short message goes out at once.
        polled = poll()
        polled.register(self._socket, POLLOUT)
        return bool(polled.poll(0))

    def hang_up(self) -> None:
        """Send no more: the other end hears that this one is gone, and may still say goodbye."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close this end; whoever waits at the other one is told."""
        self._socket.close()
