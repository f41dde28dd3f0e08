"""How an attempt on an event loop is canceled."""

import asyncio
from contextlib import suppress


class Interrupt:
    """Has CancelledError raised in one attempt, once, where it awaits.

    Made and ended in the thread of the loop, which alone decides whether the attempt still goes
    on: what is asked for too late meets neither the worker's own steps nor another job.
    """

    __slots__ = ("_has_struck", "_is_asked", "_is_over", "_loop", "_task")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._is_asked = self._is_over = self._has_struck = False

    def ask(self) -> None:
        """Interrupt the attempt, unless that was asked for before. Safe from any thread."""
        if not self._is_asked:
            self._is_asked = True
            # A loop that is closed has ended with its last attempt.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._strike)

    def end(self) -> None:
        """Note that the attempt is over; what its task awaits from now on is the worker's own."""
        self._is_over = True
        if self._has_struck and self._task is not None:
            self._task.uncancel()

    def _strike(self) -> None:
        if not self._is_over and self._task is not None:
            self._has_struck = self._task.cancel()
