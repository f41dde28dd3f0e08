"""The connection on which a thread runs its scripts, kept from one run to the next."""

import os
import select
import threading
from collections.abc import Callable
from functools import cache
from inspect import Parameter, signature
from typing import Any
from weakref import WeakSet

from redis import ConnectionPool, Redis
from redis.exceptions import ResponseError


class Kept:
    """A connection out of a pool, given back when its thread ends or the store is closed."""

    def __init__(self, pool: Any) -> None:
        self.pid = os.getpid()
        self._pool = pool
        self._lock = threading.Lock()
        self._connection: Any = None
        self._watched: Any = None
        self._poll = select.poll()

    def run(self, *command: Any) -> Any:
        """Send a command and return its answer; a connection that was cut is made anew before."""
        with self._lock:
            connection = self._connection
            if connection is None:
                connection = self._connection = _taken(self._pool)
            elif self._is_stale(connection):
                connection.disconnect()
            try:
                connection.send_command(*command)
                return connection.read_response()
            except ResponseError:
                raise
            except BaseException:
                # What came next on it could be the answer to this command.
                connection.disconnect()
                raise

    def give_back(self) -> None:
        """Leave the connection to the pool, unless it is in use just now."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            connection, self._connection = self._connection, None
            if connection is not None and self.pid == os.getpid():
                self._pool.release(connection)
        finally:
            self._lock.release()

    def __del__(self) -> None:
        self.give_back()

    def _is_stale(self, connection: Any) -> bool:
        """Tell whether anything stands on the socket though nobody has asked: its end, mostly."""
        socket = getattr(connection, "_sock", None)
        if socket is None:
            return False
        if socket is not self._watched:
            self._watched = socket
            self._poll = select.poll()
            self._poll.register(socket, select.POLLIN)
        return bool(self._poll.poll(0))


class Connections:
    """Sends commands for any thread of this process; `client` is asked for its client.

    A pool takes as long to give a connection, and to take it back, as a command takes to be sent.
    Pools that this does not know, and clients that choose among servers, are asked each time.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._own = threading.local()
        self._lock = threading.Lock()
        self._kept: WeakSet[Kept] = WeakSet()

    def run(self, *command: Any) -> Any:
        """Send a command and return its answer, as Redis gave it."""
        kept: Kept | None = getattr(self._own, "kept", None)
        if kept is None or kept.pid != os.getpid():
            client = self._client()
            if not is_plain(client):
                return client.execute_command(*command)
            kept = self._own.kept = Kept(client.connection_pool)
            with self._lock:
                self._kept.add(kept)
        return kept.run(*command)

    def close(self) -> None:
        """Give back what no thread is using just now."""
        with self._lock:
            known = [*self._kept]
        for kept in known:
            kept.give_back()


def is_plain(client: Any) -> bool:
    """Tell whether a client talks to one server by a pool of redis-py's own."""
    pool = getattr(client, "connection_pool", None)
    return isinstance(client, Redis) and type(pool) is ConnectionPool


@cache
def _takes_name() -> bool:
    """Tell whether a pool has to be told a command, as before redis-py 5.3."""
    name = signature(ConnectionPool.get_connection).parameters.get("command_name")
    return name is not None and name.default is Parameter.empty


def _taken(pool: Any) -> Any:
    return pool.get_connection("EVALSHA") if _takes_name() else pool.get_connection()
