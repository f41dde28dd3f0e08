"""Whether a step takes the results of the steps before it: told by what its function needs."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from inspect import signature
from typing import Any

from django_taskq.exceptions import InvalidPipeline
from django_taskq.pipelines.pipeline import Step


def takes_input(step: Step, name: str, count: int, *, after_map: bool) -> bool:
    """Tell whether a step gets the results of the `count` steps before it as first argument.

    It does where its function needs one more than the call has. After a mapped step it does
    wherever the function has room for one. Raise InvalidPipeline for a call that cannot be made.
    """
    fits, fits_with = _fits(step, 0), _fits(step, 1)
    if count and fits_with and (after_map or not fits):
        return True
    if fits:
        return False
    wanted = "the arguments of the call" if not count else "the call, with the results before it"
    raise InvalidPipeline(f"{name}: expected {wanted} to fit {_written(step)}, got {_given(step)}.")


def takes_item(step: Step, name: str) -> None:
    """Check that a mapped step takes one item before its other arguments.

    Raise InvalidPipeline.
    """
    if not _fits(step, 1):
        raise InvalidPipeline(
            f"{name}: expected a mapped call to take an item first, as {_written(step)} does not "
            f"beside {_given(step)}."
        )


def _fits(step: Step, more: int) -> bool:
    task = step.task
    pulled = getattr(task, "pull_keys", None) or {}
    names = tuple(sorted({*step.kwargs, *pulled}))
    return _binds(task.func, task.takes_context + more + len(step.args), names)


@lru_cache(maxsize=4096)
def _binds(function: Callable[..., Any], count: int, names: Sequence[str]) -> bool:
    try:
        taken = signature(function)
    except (TypeError, ValueError):
        # Some written in C do not tell what they take.
        return True
    try:
        taken.bind(*(None for _ in range(count)), **dict.fromkeys(names))
    except TypeError:
        return False
    return True


def _written(step: Step) -> str:
    return f"{step.task.name}{signature(step.task.func)}"


def _given(step: Step) -> str:
    named = f" and {', '.join(sorted(step.kwargs))}" if step.kwargs else ""
    return f"{len(step.args)} of its own{named}"
