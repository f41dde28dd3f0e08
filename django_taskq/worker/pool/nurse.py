"""The nursery as its parent sees it: start it, have children forked, hear of their end."""

import json
import socket
import subprocess
import threading
from contextlib import suppress
from time import monotonic
from typing import Any

from django_taskq.worker.deaths import describe_exit
from django_taskq.worker.pool.forks import keep_from_forks
from django_taskq.worker.pool.spawning import spawn

LONGEST_START = 60.0
LONGEST_END = 5.0
LOOK_EVERY = 0.05
CHUNK = 1 << 16


class NurseryGone(Exception):
    """The nursery has ended, or does not answer."""


class Nurse:
    """One nursery. Safe from any thread."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        keep_from_forks(ours)
        ours.settimeout(LOOK_EVERY)
        self._control = ours
        self._lock = threading.Lock()
        self._rest = b""
        self._exits: dict[int, int] = {}
        with theirs:
            self._process: subprocess.Popen[bytes] = spawn(
                "django_taskq.worker.pool.nursery", theirs
            )
        try:
            self._until("ready")
        except NurseryGone as error:
            ours.close()
            raise NurseryGone(
                "The process that forks the children of process pools "
                f"{describe_exit(self._process.wait(LONGEST_END))} before it was ready."
            ) from error

    def bear(self, end: socket.socket) -> int:
        """Have a child forked with this end of a wire; return its pid. Raise NurseryGone.

        What the child has to know is on the wire already.
        """
        with self._lock:
            try:
                socket.send_fds(self._control, [b"!"], [end.fileno()])
            except OSError as error:
                raise NurseryGone from error
            pid: int = self._until("born")[1]
            return pid

    def poll(self, pid: int) -> int | None:
        """Return the exit code of a child, None while it lives. Raise NurseryGone."""
        with self._lock:
            if pid not in self._exits:
                self._read()
            return self._exits.pop(pid, None)

    def close(self) -> None:
        """End the nursery, if it has not ended already."""
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LONGEST_END)

    def _until(self, kind: str) -> list[Any]:
        deadline = monotonic() + LONGEST_START
        while monotonic() < deadline:
            for message in self._read():
                if message[0] == kind:
                    return message
        raise NurseryGone

    def _read(self) -> list[list[Any]]:
        try:
            data = self._control.recv(CHUNK)
        except TimeoutError:
            return []
        except OSError as error:
            raise NurseryGone from error
        if not data:
            raise NurseryGone
        *lines, self._rest = (self._rest + data).split(b"\n")
        messages = [json.loads(line) for line in lines]
        for message in messages:
            if message[0] == "died":
                self._exits[message[1]] = message[2]
        return messages
