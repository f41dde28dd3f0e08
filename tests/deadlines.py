"""Waiting in tests: for a condition, with a deadline, and never for a fixed time."""

import threading
from collections.abc import Callable
from time import perf_counter

POLL_EVERY = 0.01


def wait_until[T](
    predicate: Callable[[], T],
    *,
    timeout: float = 10.0,
    what: str = "",
    every: float = POLL_EVERY,
) -> T:
    """Poll `predicate` every so many seconds until it returns something true, and return that.

    Fail with a sentence naming `what` when `timeout` seconds pass first.
    """
    # perf_counter keeps running where a test has frozen the clock.
    deadline = perf_counter() + timeout
    pause = threading.Event()
    while not (value := predicate()):
        if perf_counter() >= deadline:
            waited_for = what or getattr(predicate, "__qualname__", repr(predicate))
            raise AssertionError(f"Waited {timeout:g} s for {waited_for}; it did not happen.")
        pause.wait(every)
    return value
