"""What can be wrong with TASKQ["WORKERS"], in sentences."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.tasks import task_backends
from django.tasks.exceptions import InvalidTaskBackend

from django_taskq.named_pools import ALL
from django_taskq.options import LONGEST_SECONDS, Problem
from django_taskq.tenancy import check_name, check_tenant

# With a host, a process and what tells lives apart, it is part of a worker's id.
LONGEST_POOL = 40
LONGEST_QUEUE = 128

type Check = Callable[[Any], str | None]


def find_problems(pools: Any) -> Iterator[Problem]:
    """Return everything that is wrong with TASKQ["WORKERS"]; the key is the pool's name."""
    if not isinstance(pools, Mapping):
        yield Problem(
            "",
            f"expected a dict of pools by name, got {pools!r}.",
            'Write {"mail": {"queues": ["emails"]}}.',
        )
        return
    for name, given in pools.items():
        yield from _problems_of(name, given)


def _problems_of(name: Any, given: Any) -> Iterator[Problem]:
    wrong = _check_pool_name(name)
    if wrong is not None:
        yield Problem(str(name), f"its name: {wrong}.", "Give the pool another name.")
        return
    if not isinstance(given, Mapping):
        hint = f'Write {{"threads": 4}} with any of {", ".join(CHECKS)}, or {{}}.'
        yield Problem(name, f"expected a dict, got {given!r}.", hint)
        return
    for key, value in given.items():
        if key not in CHECKS:
            known = ", ".join(CHECKS)
            message = f"{key!r} is not a key of a pool."
            yield Problem(name, message, f"Remove it, or use one of {known}.")
            continue
        wrong = None if value is None else CHECKS[key](value)
        if wrong is not None:
            yield Problem(name, f"{key!r}: {wrong}.", f"Correct {key}, or leave it out.")
    if given.get("steal") is not None and given.get("tenants") is None:
        yield Problem(
            name,
            "'steal' without 'tenants': a pool that has no tenants of its own serves all anyway.",
            "Name its tenants, or leave steal out.",
        )


def _check_pool_name(name: Any) -> str | None:
    if name == "" or (isinstance(name, str) and name.startswith("-")):
        return f"expected a name that a command line takes for one, got {name!r}"
    return check_name(name, LONGEST_POOL)


def _check_backend(value: Any) -> str | None:
    aliases = [value] if isinstance(value, str) else value
    if not isinstance(aliases, list | tuple) or not aliases:
        return f"expected an alias of TASKS, or a list of them, got {value!r}"
    for alias in aliases:
        if not isinstance(alias, str):
            return f"expected an alias of TASKS, or a list of them, got {value!r}"
        wrong = check_alias(alias)
        if wrong is not None:
            return wrong
    return None


def check_alias(alias: str) -> str | None:
    """Return why `runworker` cannot work an alias, or None where it can."""
    if alias not in task_backends:
        return f"TASKS has no alias {alias!r}; it has {', '.join(task_backends)}"
    try:
        backend = task_backends[alias]
    except InvalidTaskBackend as error:
        return f"{alias!r} cannot be used: {error}"
    if not getattr(backend, "needs_worker", False):
        return f"{alias!r} is worked by its own process, not by runworker"
    return None


def _names(check: Check, *, may_be_empty: bool) -> Check:
    def find_wrong(value: Any) -> str | None:
        if not isinstance(value, list | tuple | set | frozenset):
            return f"expected a list of names, got {value!r}"
        if not value:
            return "expected at least one name, got none"
        for name in value:
            wrong = check(name)
            if wrong is None and not name and not may_be_empty:
                wrong = "expected a name, got ''"
            if wrong is not None:
                return wrong
        return None

    return find_wrong


def _check_queue(name: Any) -> str | None:
    return check_name(name, LONGEST_QUEUE)


def _check_steal(value: Any) -> str | None:
    return None if value == ALL else _check_tenants(value)


def _check_whole(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        return f"expected a whole number of at least 1, got {value!r}"
    return None


def _check_scheduler(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"expected True or False, got {value!r}"


def _check_seconds(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0.01 <= value <= LONGEST_SECONDS):
        return f"expected seconds from 0.01 to {LONGEST_SECONDS}, got {value!r}"
    return None


_check_tenants = _names(check_tenant, may_be_empty=True)
_check_queues = _names(_check_queue, may_be_empty=False)
CHECKS: dict[str, Check] = {
    "backend": _check_backend,
    "queues": _check_queues,
    "exclude_queues": _check_queues,
    "tenants": _check_tenants,
    "steal": _check_steal,
    "threads": _check_whole,
    "async_concurrency": _check_whole,
    "poll_interval": _check_seconds,
    "scheduler": _check_scheduler,
}
