"""What a test's open transaction must not do to the jobs that run inside of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.middleware.base import Middleware, Scope


class InTestTransaction(Middleware):
    """Makes up for the transaction that a TestCase has open around an attempt.

    A worker's job begins outside of any: what it does on commit happens when it commits, and an
    error of the database ends nobody's transaction but its own.
    """

    def __call__(self, job: JobContext, task: DjangoTask) -> Scope:
        """Keep the attempt apart, in the thread that holds the connections."""
        return _akept_apart() if iscoroutinefunction(task.func) else _kept_apart()


@contextmanager
def _kept_apart() -> Iterator[None]:
    marks = _set_marks()
    try:
        yield
    finally:
        _settle(marks)


@asynccontextmanager
async def _akept_apart() -> AsyncIterator[None]:
    marks = await sync_to_async(_set_marks)()
    try:
        yield
    finally:
        await sync_to_async(_settle)(marks)


class _Mark:
    """A savepoint of one connection, and how many callbacks waited for its commit by then."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        # Every database of ours has them.
        self._savepoint: str = connection.savepoint() or ""
        self._callbacks = len(connection.run_on_commit)

    def settle(self) -> None:
        """Roll back what broke the transaction; else do what was left for the commit."""
        if self._connection.needs_rollback or not self._is_released():
            self._roll_back()
            return
        # One may leave others.
        while callbacks := self._take_callbacks():
            for callback in callbacks:
                callback()

    def _is_released(self) -> bool:
        try:
            self._connection.savepoint_commit(self._savepoint)
        except DatabaseError:
            return False
        return True

    def _roll_back(self) -> None:
        self._connection.needs_rollback = False
        self._connection.savepoint_rollback(self._savepoint)
        self._take_callbacks()

    def _take_callbacks(self) -> list[Callable[[], Any]]:
        waiting = self._connection.run_on_commit
        taken = [entry[1] for entry in waiting[self._callbacks :]]
        del waiting[self._callbacks :]
        return taken


def _set_marks() -> list[_Mark]:
    opened = connections.all(initialized_only=True)
    return [_Mark(connection) for connection in opened if connection.in_atomic_block]


def _settle(marks: list[_Mark]) -> None:
    for mark in marks:
        mark.settle()
