"""Sync calls from code that runs on an event loop."""

import asyncio
import threading
from collections.abc import Callable

from asgiref.sync import AsyncToSync
from django.db import connections


def aside[T](verb: Callable[[], T]) -> T:
    """Call a verb that may talk to a database; in another thread where a loop runs in this one.

    Django refuses to talk to one there. The loop waits meanwhile.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return verb()
    # A thread that waits for this loop and takes its sync calls has the connections, and the
    # transaction of a test. Any other may wait for the loop itself: then one of the call's own.
    waiting = getattr(AsyncToSync.executors, "current", None)
    if waiting is None:
        return _Apart(verb).result()
    result: T = waiting.submit(verb).result()
    return result


class _Apart[T]:
    """A call in a thread that ends with it, and lets go of its connections."""

    def __init__(self, verb: Callable[[], T]) -> None:
        self._verb = verb
        self._outcome: list[T] = []
        self._error: BaseException | None = None

    def result(self) -> T:
        thread = threading.Thread(target=self._run, name="taskq-aside", daemon=True)
        thread.start()
        thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def _run(self) -> None:
        try:
            self._outcome.append(self._verb())
        except BaseException as error:
            self._error = error
        finally:
            connections.close_all()
