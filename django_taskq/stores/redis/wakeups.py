"""How workers and callers sleep until Redis has something for them."""

import select
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from redis.exceptions import ConnectionError, RedisError

from django_taskq.jobs.ids import new_id, parse_id
from django_taskq.stores.redis.scripts import Scripts
from django_taskq.stores.wakeup import Wakeup

# redis-py 8 gives up on an answer after five seconds, so nothing blocks for longer than this.
LONGEST_BLOCK = 2.0
# Redis before 7 cuts a timeout to whole milliseconds, and takes none of them for ever.
SHORTEST_BLOCK = 0.002
# Bytes of rings that are taken in at a time.
LONGEST_READ = 65_536
# Ids per script.
CHUNK = 500


class Ear:
    """The subscription of one worker, on a connection of its own.

    Where that is a plain socket on which nothing but rings arrive, they are not parsed: that takes
    longer than all else that stands between a ring and the claim.
    """

    def __init__(self, pubsub: Any, channel: str) -> None:
        self._pubsub = pubsub
        self._channel = channel
        self._plain: socket.socket | None = None
        self._begun = b""
        self._handed: list[bytes] = []
        self._is_rung = False
        self.is_listening = False
        self.may_be_handed = False

    def listen(self) -> None:
        """Have rings arrive here from now on."""
        if not self.is_listening:
            self._pubsub.subscribe(self._channel)
            # Its answer says that Redis knows of it.
            self._pubsub.get_message(timeout=LONGEST_BLOCK)
            self._plain = _plain_socket(self._pubsub.connection)
            self.is_listening = True

    def hears_early(self) -> bool:
        """Tell whether there was a ring that the file does not tell of: it was read already."""
        return self._plain is None and self.hears()

    def hears(self) -> bool:
        """Take in what has arrived on the file; tell whether there was a ring.

        Raise ConnectionError where the connection was cut.
        """
        if self._plain is not None:
            told = self._plain.recv(LONGEST_READ)
            if not told:
                raise ConnectionError("Redis has closed the connection on which it rings.")
            whole, _, self._begun = (self._begun + told).rpartition(b"\r\n")
            lines = whole.split(b"\r\n")
            # Of all its lines only a list in JSON begins like this.
            handed = [line for line in lines if line.startswith(b"[")]
            self._handed += handed
            self._is_rung |= lines.count(b"message") > len(handed)
            return True
        is_rung = False
        while (message := self._pubsub.get_message(timeout=0)) is not None:
            if message["type"] == "message":
                is_rung = True
                if message["data"]:
                    self._handed.append(message["data"])
                else:
                    self._is_rung = True
        return is_rung

    def take_handed(self) -> tuple[list[bytes], bool]:
        """Return the jobs that came along with rings, each once, and whether there is more."""
        if self.may_be_handed and not self._handed and self._has_news():
            self.hears()
        if self._handed:
            self.may_be_handed = False
        told = self._handed, self._is_rung
        self._handed, self._is_rung = [], False
        return told

    def _has_news(self) -> bool:
        file = self.fileno()
        return file is not None and bool(select.select([file], [], [], 0)[0])

    def fileno(self) -> int | None:
        """Return the file on which rings arrive, None where the library does not tell."""
        socket = getattr(self._pubsub.connection, "_sock", None)
        return None if socket is None else int(socket.fileno())

    def close(self) -> None:
        """Hear no more."""
        self.is_listening = False
        self._plain = None
        with suppress(RedisError, OSError):
            self._pubsub.close()


class Wakeups:
    """Rings for workers that are armed, and ends of jobs for those who wait for them."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._lock = threading.Lock()
        self._ears: dict[str, Ear] = {}

    def arm(self, worker_id: str) -> None:
        """Ask to be woken from now on."""
        self._ear(worker_id).listen()
        self._scripts.run("arm", worker_id)

    def disarm(self, worker_id: str) -> None:
        """Ask for no more wake-ups; the subscription stays for the next time."""
        client, keys = self._scripts.client(), self._scripts.keys
        if client.srem(keys.name("resting"), worker_id):
            self.note_rest(worker_id, 0)
        client.srem(keys.name("armed"), worker_id)

    def handed(self, worker_id: str) -> tuple[list[bytes], bool]:
        """Return the jobs that were put into a worker's hand along with a ring, each once, and
        whether other rings came that told of more.
        """
        ear = self._ears.get(worker_id)
        if ear is None:
            return [], False
        try:
            return ear.take_handed()
        except (RedisError, OSError, ValueError):
            self.forget(worker_id)
            raise

    def note_rest(self, worker_id: str, told: int) -> None:
        """Note what a look told of whether the worker rests.

        Who is found not to rest though it did has been handed a job, which is on its way.
        """
        ear = self._ears.get(worker_id)
        if ear is not None and told >= 0:
            ear.may_be_handed = told == 1

    def may_be_handed(self, worker_id: str) -> bool:
        """Tell whether a job may be on its way into a worker's hand."""
        ear = self._ears.get(worker_id)
        return ear is not None and ear.may_be_handed

    def silence(self, worker_id: str) -> None:
        """Have nothing more put into a worker's hand; what was and has not been seen is dropped."""
        # In this order: where nobody listens, what is still on its way to be put there is lost.
        self.disarm(worker_id)
        self.forget(worker_id)

    def forget(self, worker_id: str) -> None:
        """Give up the subscription of a worker."""
        with self._lock:
            ear = self._ears.pop(worker_id, None)
        if ear is not None:
            ear.close()

    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until there was a ring, the wakeup is raised, or the seconds are over."""
        ear = self._ears.get(worker_id)
        if ear is None or not ear.is_listening or (file := ear.fileno()) is None:
            wakeup.wait(timeout)
            return
        try:
            if ear.hears_early():
                return
            heard, _, _ = select.select([file, wakeup.fileno()], [], [], max(0.0, timeout))
            if file in heard:
                ear.hears()
        except (RedisError, OSError, ValueError):
            self.forget(worker_id)
            raise

    def wait_ended(self, ids: Sequence[str], timeout: float | None) -> bool:
        """Block until all these jobs have ended or are gone; False when the seconds are over."""
        known = list(dict.fromkeys(id for id in map(parse_id, ids) if id is not None))
        if not known:
            return True
        deadline = None if timeout is None else monotonic() + timeout
        waiter = new_id()
        told = self._scripts.keys.name("told:", waiter)
        is_listening = has_heard_all = False
        try:
            while self._open(waiter, known):
                is_listening = True
                has_heard_all, is_over = self._hear(told, set(known), deadline)
                if has_heard_all or is_over:
                    return has_heard_all
            return True
        finally:
            # Each end is told once: a list that has told of all of them is gone.
            if is_listening and not has_heard_all:
                with suppress(RedisError):
                    self._scripts.send("DEL", told)

    def _hear(self, told: str, open_: set[str], deadline: float | None) -> tuple[bool, bool]:
        """Take ends from a list until there is silence for a while; return whether all these jobs
        have ended, and whether the time is over.
        """
        while open_:
            left = LONGEST_BLOCK if deadline is None else deadline - monotonic()
            if left <= 0:
                return False, True
            block = max(SHORTEST_BLOCK, min(left, LONGEST_BLOCK))
            try:
                heard = self._scripts.send("BLPOP", told, block)
            except ConnectionError:
                # It was cut; whether Redis is there the next look at the jobs tells.
                return False, False
            if heard is None:
                return False, False
            open_.discard(heard[1].decode())
        return True, False

    def listen(self, waiter: str, ids: Sequence[str]) -> None:
        """Have somebody told of the ends of jobs from now on, for a minute."""
        for start in range(0, len(ids), CHUNK):
            self._scripts.run("listen", waiter, *ids[start : start + CHUNK])

    def hear(self, waiter: str, timeout: float) -> None:
        """Sleep until an end is told to somebody, or the seconds are over."""
        told = self._scripts.keys.name("told:", waiter)
        self._scripts.client().blpop(
            [told], timeout=max(SHORTEST_BLOCK, min(timeout, LONGEST_BLOCK))
        )

    def close(self) -> None:
        """Give up all subscriptions."""
        with self._lock:
            ears, self._ears = self._ears, {}
        for ear in ears.values():
            ear.close()

    def _open(self, waiter: str, ids: Sequence[str]) -> bool:
        return any(
            self._scripts.run("await", waiter, *ids[start : start + CHUNK])
            for start in range(0, len(ids), CHUNK)
        )

    def _ear(self, worker_id: str) -> Ear:
        with self._lock:
            ear = self._ears.get(worker_id)
            if ear is None:
                channel = self._scripts.keys.name("bell:", worker_id)
                pubsub = self._scripts.client().pubsub()
                ear = self._ears[worker_id] = Ear(pubsub, channel)
        return ear


def _plain_socket(connection: Any) -> socket.socket | None:
    """Return the socket of a connection where all that arrives on it is what was asked for.

    Not so where it is encrypted, or the library asks now and then whether it is there still.
    """
    found = getattr(connection, "_sock", None)
    is_plain = type(found) is socket.socket and not getattr(connection, "health_check_interval", 0)
    return found if is_plain else None
