"""Threads for the blocking calls of event loops, which no interpreter waits for at its end."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any

type Item = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(ThreadPoolExecutor):
    """At most `most` threads that take calls from one line; they start as needed.

    The interpreter joins the threads of its own pools before it ends: one call that does not
    return would keep a web process from ending. Only what asyncio asks for is inherited, the
    class.
    """

    def __init__(self, most: int, name: str) -> None:
        super().__init__(max_workers=1)
        self._most = most
        self._name = name
        self._line: SimpleQueue[Item | None] = SimpleQueue()
        self._resting = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._started = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function called in one of the threads."""
        future: Future[Any] = Future()
        self._line.put((future, partial(fn, *args, **kwargs)))
        if not self._resting.acquire(blocking=False):
            self._start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let threads end that have nothing to do. Never waits."""
        self._line.put(None)

    def _start(self) -> None:
        with self._lock:
            if self._started >= self._most:
                return
            self._started += 1
            name = f"{self._name}-{self._started}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (item := self._line.get()) is not None:
            _call(*item)
            # Until the next call this frame would keep alive what the last one was about.
            del item
            self._resting.release()
        # For the next thread.
        self._line.put(None)


def _call(future: Future[Any], function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)
        # The traceback keeps this frame, and the frame the future that keeps the exception.
        del future
