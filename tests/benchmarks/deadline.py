"""Waiting for a condition, never longer than agreed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from time import monotonic

_NEVER = Event()


class DeadlineError(Exception):
    """Something that should have happened did not happen in time."""


def pause(seconds: float) -> None:
    """Let a moment pass."""
    _NEVER.wait(seconds)


def until(condition: Callable[[], bool], seconds: float, what: str, step: float = 0.001) -> None:
    """Look every ``step`` seconds whether the condition holds, and raise after ``seconds``."""
    end = monotonic() + seconds
    while not condition():
        if monotonic() > end:
            raise DeadlineError(f"Expected {what} within {seconds:g} s, but it did not happen.")
        pause(step)
