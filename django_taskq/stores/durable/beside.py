"""Handing jobs over while the next ones are read."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from django_taskq.jobs.handed import HandedJob


class Beside:
    """Gives jobs in a thread beside the one that reads rows: a database and Redis work at once.

    One batch is on its way at the most. The thread is there for as long as the `with` lasts, knows
    of no database, and is waited for in any case; what it raises comes out of the next call.
    """

    def __init__(self, give: Callable[[Sequence[HandedJob]], bool]) -> None:
        self._give = give
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="taskq-refill")
        self._given: Future[bool] | None = None
        self._has_room = True
        # The numbers of the jobs that are on their way.
        self.going: frozenset[int] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.shutdown()

    def give(self, jobs: Sequence[HandedJob]) -> bool:
        """Begin to give jobs once those before are there; return whether all of these had room."""
        has_room = self.settle()
        if jobs:
            self.going = frozenset([job.seq for job in jobs])
            self._given = self._threads.submit(self._give, jobs)
        return has_room

    def settle(self) -> bool:
        """Wait for what is on its way; return whether there was room for all so far."""
        given, self._given, self.going = self._given, None, frozenset()
        if given is not None and not given.result():
            self._has_room = False
        return self._has_room
