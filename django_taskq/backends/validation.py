"""What a task's own options must look like."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.tasks.base import Task as DjangoTask

from django_taskq.backends.upstreams import check_depends_on, check_trigger_rule
from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs import payload
from django_taskq.jobs.durations import check_duration
from django_taskq.jobs.limits import check_max_running
from django_taskq.jobs.unique import LONGEST_TASK_ID, OnDuplicate
from django_taskq.middleware.base import Rule, find_wrong
from django_taskq.middleware.entries import find_misfit
from django_taskq.middleware.max_age import MaxAge
from django_taskq.middleware.max_rate import MaxRate
from django_taskq.middleware.max_tries import MaxTries
from django_taskq.middleware.stack import Stacks
from django_taskq.tasks import KNOWN, LATER, Task
from django_taskq.tenancy import check_name, check_tenant

LONGEST_QUEUE = 128


def validate_options(task: DjangoTask, stacks: Stacks) -> None:
    """Check the options that Django does not know. Raise InvalidTaskOption naming the option."""
    for name in LATER:
        if getattr(task, name, None) is not None:
            raise InvalidTaskOption(
                f"{name}: this option is not available in this release of django_taskq. "
                "Leave it out: a later release brings it."
            )
    for name, rule in _RULES.items():
        _check(name, getattr(task, name, None), rule)
    for name, value in _owned_by_middlewares(task):
        rules = stacks.rules_of(name, task)
        if not rules:
            raise InvalidTaskOption(_refusal(name, task, stacks))
        for rule in rules:
            _check(name, value, rule)


def check_naming(task: DjangoTask) -> None:
    """Check that a job to be enqueued has an id where it says what becomes of another one with it.

    Raise InvalidTaskOption. The two may be given apart, one in the decorator.
    """
    if getattr(task, "on_duplicate", None) and getattr(task, "task_id", None) is None:
        raise InvalidTaskOption(
            "on_duplicate: expected a task_id beside it, got none. Give both, or leave it out."
        )
    replaces = getattr(task, "on_duplicate", None) == OnDuplicate.REPLACE
    if replaces and getattr(task, "depends_on", None):
        raise InvalidTaskOption(
            "on_duplicate: expected 'raise' or 'return' beside depends_on, got 'replace': what a "
            "job waits for cannot be changed. Cancel the job and enqueue it anew."
        )


def validate_stored(task: DjangoTask, options: str, stacks: Stacks) -> None:
    """Check that declared options still fit as the JSON that a job carries of them.

    Raise InvalidTaskOption: a tuple, for one, comes back as a list.
    """
    stored = payload.decode(options)
    for name in stored.keys() & getattr(task, "declared", {}).keys():
        for rule in stacks.rules_of(name, task):
            _check(name, stored[name], rule)


def _check(name: str, value: Any, rule: Rule) -> None:
    wrong = None if value is None else find_wrong(rule, value)
    if wrong is not None:
        raise InvalidTaskOption(f"{name}: {wrong}.")


def _owned_by_middlewares(task: DjangoTask) -> Iterator[tuple[str, Any]]:
    """Return the options of a task that its middlewares must have, each with its value."""
    for name in _OWNED:
        value = getattr(task, name, None)
        if value is not None:
            yield name, value
    if isinstance(task, Task):
        yield from task.declared.items()


def _refusal(name: str, task: DjangoTask, stacks: Stacks) -> str:
    if name in _OWNED:
        return (
            f"{name}: expected a middleware that has this option, got none in the task's stack. "
            f"Add 'django_taskq.middleware.{_OWNED[name]}' to OPTIONS['MIDDLEWARE'] of "
            f"TASKS[{task.backend!r}], or leave {name} out."
        )
    known = sorted(KNOWN | stacks.options_of(task))
    near = get_close_matches(name, known, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"{name}: unknown option.{meant} Known ones: {', '.join(known)}."


def _check_task_id(value: Any) -> str | None:
    return "expected an id, got ''" if value == "" else check_name(value, LONGEST_TASK_ID)


def _check_on_duplicate(value: Any) -> str | None:
    known = tuple(OnDuplicate)
    if isinstance(value, str) and value in known:
        return None
    return f"expected one of {', '.join(map(repr, map(str, known)))}, got {value!r}"


def _check_queue(value: Any) -> str | None:
    return "expected a name, got ''" if value == "" else check_name(value, LONGEST_QUEUE)


def _check_middleware(value: Any) -> str | None:
    if not isinstance(value, list | tuple):
        return f"expected a list of middlewares, got {value!r}"
    return next((misfit for misfit in map(find_misfit, value) if misfit is not None), None)


def _check_metadata(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return f"expected a dict, got {value!r}"
    try:
        payload.encode(value, "metadata")
    except (TypeError, ValueError) as error:
        return str(error).removesuffix(".")
    return None


# The options that are django_taskq's own.
_RULES: dict[str, Rule] = {
    "queue_name": _check_queue,
    "tenant": check_tenant,
    "metadata": _check_metadata,
    "timeout": check_duration,
    "task_id": _check_task_id,
    "on_duplicate": _check_on_duplicate,
    "max_running": check_max_running,
    "middleware": _check_middleware,
    "depends_on": check_depends_on,
    "trigger_rule": check_trigger_rule,
}
# Those that are fields of every task and belong to a middleware: the class that has each.
_OWNED = {name: kind.__name__ for kind in (MaxTries, MaxAge, MaxRate) for name in kind.options}
