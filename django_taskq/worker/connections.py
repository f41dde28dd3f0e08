"""Database connections of a worker's threads."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from django_taskq.worker.daemon_threads import DaemonThreads


class _Opened(threading.local):
    """Whether the current thread has opened a connection that may still be open."""

    is_any = False


_opened = _Opened()
_threads: set[int] = set()


def _note_connection(**kwargs: Any) -> None:
    _opened.is_any = True
    _threads.add(threading.get_ident())


def watch_connections() -> None:
    """Have every thread remember whether it opened a connection.

    Asking Django for a thread's connections costs more than a small job; most need none.
    """
    connection_created.connect(_note_connection, dispatch_uid="django_taskq.connections")


def close_job_connections() -> None:
    """Do at the end of a job what Django does at the end of a request.

    Connections that are broken, older than CONN_MAX_AGE, or left inside a transaction are
    closed; the next job of this thread opens new ones.
    """
    if not _opened.is_any:
        return
    reset_queries()
    opened = connections.all(initialized_only=True)
    for connection in opened:
        if connection.in_atomic_block:
            connection.close()
        else:
            connection.close_if_unusable_or_obsolete()
    _note_closed(opened)


class SyncSide:
    """The one thread where an event loop runs the sync calls of its jobs: the ORM's, mostly."""

    def __init__(self) -> None:
        self._thread: int | None = None

    async def close_job_connections(self) -> None:
        """Do at the end of an async job what `close_job_connections` does, in that thread."""
        if self._thread is None or self._thread in _threads:
            self._thread = await sync_to_async(_close_shared)()


class SyncContexts:
    """Makes contexts for async jobs whose sync calls share one thread.

    Without, asgiref has a single thread for the whole process: a sync call of one worker's job
    that does not return would hold up the event loops of all others.
    """

    def __init__(self, name: str) -> None:
        self._owner = ThreadSensitiveContext()
        self._thread = DaemonThreads(1, f"{name}-sync")
        SyncToAsync.context_to_thread_executor[self._owner] = self._thread

    def make(self) -> Context:
        """Return a context in which nothing else is set."""
        context = Context()
        context.run(SyncToAsync.thread_sensitive_context.set, self._owner)
        return context

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown()


def renew_sync_thread() -> None:
    """Give asgiref a new thread for sync calls: a fork copies the old one's name without its life.

    A call that is handed to it would wait for ever.
    """
    SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)


def _close_shared() -> int:
    """Close what is broken or old, but no transaction: it is another job's. Return the thread."""
    opened = connections.all(initialized_only=True)
    for connection in opened:
        connection.close_if_unusable_or_obsolete()
    reset_queries()
    _note_closed(opened)
    return threading.get_ident()


def _note_closed(opened: Sequence[BaseDatabaseWrapper]) -> None:
    _opened.is_any = any(connection.connection is not None for connection in opened)
    if not _opened.is_any:
        _threads.discard(threading.get_ident())


def close_connections() -> None:
    """Close what this thread has open, pools too, so that no fork gets a copy of it."""
    drop_connections()
    for connection in connections.all(initialized_only=True):
        # Only PostgreSQL's has one, and threads with it.
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()


def drop_connections() -> None:
    """Close what this thread has open, after an error: the next statement connects anew."""
    for connection in connections.all(initialized_only=True):
        try:
            connection.close()
        except Exception:
            connection.connection = None
