"""Hearing signals in tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal


@contextmanager
def hearing(**signals: Signal) -> Iterator[list[tuple[str, str]]]:
    """Collect (name, id of the job) for each signal that is sent in the block."""
    heard: list[tuple[str, str]] = []

    def receiver(name: str) -> Any:
        def hear(task_result: Any, **kwargs: Any) -> None:
            heard.append((name, task_result.id))

        return hear

    receivers = {name: receiver(name) for name in signals}
    for name, signal in signals.items():
        signal.connect(receivers[name])
    try:
        yield heard
    finally:
        for name, signal in signals.items():
            signal.disconnect(receivers[name])
