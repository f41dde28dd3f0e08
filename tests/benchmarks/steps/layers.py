"""What one more sync middleware adds to an attempt: ten of them beside none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from tests.benchmarks.steps.bench import Bench

LAYERS = 10
ROUNDS = 5


def layers(bench: Bench, attempts: int) -> dict[str, Any]:
    """Go through a stack so many times in each of some rounds; the quickest of each kind counts."""
    from django_taskq.middleware import Middleware
    from django_taskq.middleware.stack import call_within

    class Plain(Middleware):
        """Does nothing around an attempt."""

        @contextmanager
        def __call__(self, job: Any, task: Any) -> Iterator[None]:
            """Do nothing."""
            yield

    stacks: dict[int, Any] = {count: tuple(Plain() for _ in range(count)) for count in (0, LAYERS)}
    nothing: Any = None
    quickest = dict.fromkeys(stacks, float("inf"))
    for _ in range(ROUNDS):
        for count, stack in stacks.items():
            begin = perf_counter()
            for _ in range(attempts):
                call_within(stack, nothing, nothing, _body)
            quickest[count] = min(quickest[count], (perf_counter() - begin) / attempts)
    added = (quickest[LAYERS] - quickest[0]) / LAYERS
    return {"added_us": 1e6 * added, "attempts": attempts}


def _body() -> None:
    """Be the function of a job."""
