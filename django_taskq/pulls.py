"""Parameters of a task that are pulled from XCom, and values that it hands over with its end."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from inspect import Parameter, Signature, signature
from typing import Any

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.exceptions import XComDoesNotExist
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.xcom import XCom, check_size
from django_taskq.options import Options
from django_taskq.sides import life_of, name_of, namespaces_of, pusher_of, side_of


@lru_cache(maxsize=1024)
def _signature_of(function: Callable[..., Any]) -> Signature:
    return signature(function)


def parameters_of(task: DjangoTask) -> frozenset[str] | None:
    """Return the parameters that a task takes by name, its context left out; None for any."""
    try:
        found = list(_signature_of(task.func).parameters.values())
    except (TypeError, ValueError):  # some written in C have none
        return None
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in found):
        return None
    named = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}
    return frozenset(
        parameter.name for parameter in found[bool(task.takes_context) :] if parameter.kind in named
    )


def parameters_to_pull(
    task: DjangoTask, positional: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, str]:
    """Return the keys of the parameters that a call leaves to XCom, by their names."""
    pulls: Mapping[str, str] | None = getattr(task, "pull_keys", None)
    if not pulls:
        return {}
    try:
        given = _signature_of(task.func).bind_partial(*positional, **kwargs).arguments
    except (TypeError, ValueError):
        # The call itself says what is wrong with it.
        return {}
    return {name: key for name, key in pulls.items() if name not in given and name not in kwargs}


def pull(job: JobContext, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of parameters, by one look at the store; the task's defaults where missing.

    Raise XComDoesNotExist for one that has neither.
    """
    task = job.task_result.task
    defaults = getattr(task, "pull_defaults", None) or {}
    found = side_of(job).pull_many(list(wanted.values()), _NONE, None, None)
    values = {
        name: defaults.get(name, _NONE) if found[key] is _NONE else found[key]
        for name, key in wanted.items()
    }
    missing = [f"{name} ({wanted[name]!r})" for name, value in values.items() if value is _NONE]
    if missing:
        where = " or ".join(map(repr, namespaces_of(job)))
        raise XComDoesNotExist(
            f"Expected XCom values for parameters of {task.name}, got none for "
            f"{', '.join(missing)} in the namespace {where}. Give them when enqueueing, or in "
            "pull_defaults."
        )
    return values


_NONE = object()


def pushes_of(job: JobContext, claim: Claim, text: str, options: Options) -> tuple[XCom, ...]:
    """Return the values that a job hands over with its return value, which is JSON text.

    Raise XComTooLarge.
    """
    task = job.task_result.task
    push_key, is_auto = getattr(task, "push_key", None), getattr(task, "auto_xcom", None)
    if push_key is None and not is_auto:
        return ()
    keys = [push_key, name_of(claim) if is_auto else None]
    wanted = dict.fromkeys(key for key in keys if key is not None)
    namespace, life = namespaces_of(job)[0], life_of(task, options)
    for key in wanted:
        check_size(key, text, options.xcom_max_bytes)
    pusher = pusher_of(claim)
    return tuple(XCom(claim.tenant, namespace, key, text, life, pusher) for key in wanted)
