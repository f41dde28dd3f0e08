"""Wake-ups on PostgreSQL by LISTEN and NOTIFY.

A wake-up must not be lost, and one NOTIFY a transaction would halve the speed of inserting. So
a worker that is about to sleep says so in its row, and an insert notifies only if it finds such
a worker::

    insert: write the jobs, commit, then read the flag and notify
    worker: listen, set the flag, commit, then claim once more, then sleep

Whichever of the two commits first, the other sees it: if the insert's read comes before the
flag's commit, the jobs were committed before the worker's last claim. In any other order there
is a moment in which both look past each other.
"""

import hashlib
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, connections, transaction

from django_taskq.stores.database.place import Place
from django_taskq.stores.database.reads import Reads
from django_taskq.stores.database.vendors.postgresql.sessions import note_own_session
from django_taskq.stores.database.wakeups import Wakeups
from django_taskq.stores.wakeup import Wakeup

# Seconds between two looks at the flag by one process: nobody was idle a moment ago, and who
# has become idle since claims once more before sleeping; the last insert of a burst is followed
# by a look of its own.
GAP = 0.005
# A sleeper was told: so soon after, the next insert may find it still asleep.
GAP_AFTER_NOTIFY = 0.001
# Seconds for which the thread that looks after a burst keeps its connection.
LINGER = 0.1

# Seconds before listening is tried again where it failed.
RETRY_LISTEN = 5.0

# Wake the workers that sleep. Inputs: channel, backend. Result: whether there is any.
_NOTIFY = """
SELECT pg_notify(%(channel)s, '')
WHERE EXISTS (
    SELECT 1 FROM taskq_worker
    WHERE backend = %(backend)s AND is_idle AND lost_at IS NULL AND expires_at > {now}
)
"""

# Say that a worker sleeps, or no longer does. Inputs: worker, is_idle. What is said is true for
# moments only: the commit need not wait for the disk.
_SET_IDLE = """
WITH quickly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE taskq_worker SET is_idle = %(is_idle)s FROM quickly
WHERE worker_id = %(worker)s AND is_idle <> %(is_idle)s
"""


class PostgresqlWakeups(Wakeups):
    """Sleeps on a connection of its own that listens; falls back to plain sleeping."""

    def __init__(self, place: Place, reads: Reads) -> None:
        super().__init__(place, reads)
        self._channel = channel_of(place.backend)
        self._bell = Bell(self._notify, place.database)
        self._listeners: dict[str, Listener] = {}

    def announce(self) -> None:
        """Wake idle workers once the caller's transaction, if there is one, is committed."""
        transaction.on_commit(self._bell.ring, using=self.place.database, robust=True)

    def arm(self, worker_id: str) -> None:
        """Listen, then say so."""
        listener = self._listeners.setdefault(worker_id, Listener(self.place, self._channel))
        listener.open()
        self._set_idle(worker_id, is_idle=True)

    def disarm(self, worker_id: str) -> None:
        """Ask for no more wake-ups."""
        self._set_idle(worker_id, is_idle=False)

    def forget(self, worker_id: str) -> None:
        """Stop listening for a worker."""
        listener = self._listeners.pop(worker_id, None)
        if listener is not None:
            listener.close()

    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until a notification comes, the wakeup is raised, or the seconds are over.

        Behind a transaction pooler notifications never come, and nothing tells so: what is
        missed is found when the seconds are over.
        """
        listener = self._listeners.get(worker_id)
        if listener is not None and listener.is_open:
            listener.wait(wakeup, timeout)
        elif listener is None or not listener.open():
            wakeup.wait(timeout)
        # Where it listens from now on, the worker looks once more before it sleeps.

    def close(self) -> None:
        """Give up what is held open."""
        self._bell.close()
        while self._listeners:
            self._listeners.popitem()[1].close()

    def _set_idle(self, worker_id: str, *, is_idle: bool) -> None:
        with self.place.connection.cursor() as cursor:
            cursor.execute(_SET_IDLE, {"worker": worker_id, "is_idle": is_idle})

    def _notify(self) -> bool:
        clock = self.place.clock
        values = {
            "channel": self._channel,
            "backend": self.place.backend,
            **clock.parameters(),
        }
        with self.place.connection.cursor() as cursor:
            cursor.execute(_NOTIFY.format(now=clock.sql), values)
            return cursor.fetchone() is not None


class Listener:
    """A connection of one worker that does nothing but listen.

    Used by the worker's own thread alone; only `close` may come from another.
    """

    def __init__(self, place: Place, channel: str) -> None:
        self._place = place
        self._channel = channel
        self._connection: Any = None
        self._pid = os.getpid()
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        """Whether notifications can come."""
        return self._connection is not None and self._pid == os.getpid()

    def open(self) -> bool:
        """Start to listen unless it does already; return whether notifications can come.

        Where that is impossible, it is not tried again for a while.
        """
        if self.is_open or time.monotonic() < self._next_try:
            return self.is_open
        django_connection = self._place.connection
        parameters: dict[str, Any] = django_connection.get_connection_params()
        parameters.setdefault("connect_timeout", 5)
        driver: Any = django_connection.Database  # type: ignore[attr-defined]
        try:
            # Not one of Django's connections, nor from its pool: it is never given back.
            connection = driver.connect(**parameters, autocommit=True)
            connection.execute(f'LISTEN "{self._channel}"')
        except (driver.Error, AttributeError, TypeError):
            # psycopg 2 has neither of the two methods.
            self._next_try = time.monotonic() + RETRY_LISTEN
            return False
        self._connection, self._pid = connection, os.getpid()
        return True

    def wait(self, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until a notification comes, the wakeup is raised, or the seconds are over."""
        connection = self._connection
        if connection is None or wakeup.is_set():
            return
        try:
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            poll.register(wakeup.fileno(), select.POLLIN)
            ready = {fd for fd, _ in poll.poll(max(0.0, timeout) * 1000)}
            if connection.fileno() in ready:
                self._drain(connection)
        except (OSError, self._place.connection.Database.Error):  # type: ignore[attr-defined]
            # The server went away. The worker's next claim tells it so, with its own back-off.
            self.close()

    def close(self) -> None:
        """Stop listening."""
        connection, self._connection = self._connection, None
        if connection is not None and self._pid == os.getpid():
            with suppress(Exception):
                connection.close()

    def _drain(self, connection: Any) -> None:
        connection.pgconn.consume_input()
        while connection.pgconn.notifies() is not None:
            note_own_session(self._place.database)


class Bell:
    """Rings at most once in a few milliseconds, and always after the last time it was asked.

    `look` notifies sleeping workers and tells whether there was any. Asked again too soon, the
    bell leaves it to a thread that looks when the gap is over, unless somebody has by then.
    """

    def __init__(self, look: Callable[[], bool], database: str) -> None:
        self._look = look
        self._database = database
        self._start()

    def _start(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._next_at = 0.0
        self._is_due = False
        self._is_closed = False
        self._pid = os.getpid()

    def ring(self) -> None:
        """Look now, or have it looked soon."""
        if self._pid != os.getpid():
            self._start()
        with self._changed:
            if time.monotonic() < self._next_at:
                self._look_later()
                return
            self._begin_look()
        self._end_look()

    def _begin_look(self) -> None:
        # Before the look itself: whoever asks from now on may have committed after it.
        self._is_due = False
        self._next_at = time.monotonic() + GAP

    def _end_look(self) -> None:
        if self._look():
            self._next_at = min(self._next_at, time.monotonic() + GAP_AFTER_NOTIFY)

    def _look_later(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._changed.notify()
        if self._thread is None:
            self._is_closed = False
            self._thread = threading.Thread(target=self._run, name="taskq-bell", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            while self._wait_until_due():
                # A look that fails is made up for by the workers' polling.
                with suppress(DatabaseError):
                    self._end_look()
        finally:
            connections[self._database].close()

    def _wait_until_due(self) -> bool:
        """Sleep until a look is due and begin it; False when none has been for a while."""
        with self._changed:
            end = time.monotonic() + LINGER
            while True:
                now = time.monotonic()
                # A little longer than the gap: while inserts go on, one of them looks.
                due_at = self._next_at + GAP / 5 if self._is_due else end
                if now >= due_at or self._is_closed:
                    break
                self._changed.wait(due_at - now)
            if not self._is_due:
                self._thread = None
                return False
            self._begin_look()
            return True

    def close(self) -> None:
        """Look a last time if that is due, and end the thread."""
        if self._pid != os.getpid():
            return
        with self._changed:
            thread, self._is_closed = self._thread, True
            self._changed.notify()
        if thread is not None:
            thread.join(timeout=1.0)


def channel_of(backend: str) -> str:
    """Return the channel of a backend alias: any alias gives a name of at most 63 bytes."""
    return f"taskq_job_{hashlib.blake2b(backend.encode(), digest_size=12).hexdigest()}"
