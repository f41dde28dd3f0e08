"""Ctrl-C and SIGTERM: they end a benchmark, but never what it takes away at its end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.db import Error as DatabaseError

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have either signal end the block by KeyboardInterrupt; one that is ignored stays so."""
    has_come = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal has_come
        has_come = True
        raise KeyboardInterrupt

    with _handled_by(interrupt):
        try:
            yield
        except DatabaseError as error:
            # A driver that is cut off in the middle of a transaction has words of its own for it.
            if has_come:
                raise KeyboardInterrupt from error
            raise


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let neither signal end the block."""
    with _handled_by(_do_nothing):
        yield


@contextmanager
def _handled_by(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {}
    try:
        for number in NUMBERS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Keep a signal from its default action."""
