"""Middlewares that entries lead to, in each of the ways there are."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django_taskq.middleware import Middleware


class Plain(Middleware):
    """Does nothing, and counts how often it was made."""

    made = 0
    lock = threading.Lock()

    def __init__(self) -> None:
        with self.lock:
            Plain.made += 1

    @contextmanager
    def __call__(self, job: Any, task: Any) -> Iterator[None]:
        """Do nothing."""
        yield


class Timing(Plain):
    """Has options of its own."""

    options = {"warn_after": float, "label": str, "steps": tuple}


class Even(Plain):
    """Wants what Timing wants to be even, too."""

    options = {"warn_after": lambda value: f"expected even, got {value!r}" if value % 2 else None}


class Unfinished(Middleware):
    """Has no call."""


class Demanding(Plain):
    """Cannot be made without an argument."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.dsn = dsn


an_instance = Demanding("dsn")


def a_function() -> Middleware:
    """Return a middleware."""
    return Demanding("from a function")


def a_wrong_function() -> Any:
    """Return none."""
    return 5


something_else = object()
