"""What a task's own options must look like."""

from collections.abc import Mapping
from typing import Any

from django.tasks.base import Task as DjangoTask

from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs import payload
from django_taskq.jobs.backoff import check_backoff
from django_taskq.jobs.durations import check_duration
from django_taskq.jobs.limits import check_max_running
from django_taskq.middleware.base import Rule, find_wrong
from django_taskq.middleware.stack import option_rules
from django_taskq.tasks import LATER
from django_taskq.tenancy import check_name, check_tenant

LONGEST_QUEUE = 128


def validate_options(task: DjangoTask) -> None:
    """Check the options that Django does not know. Raise InvalidTaskOption naming the option."""
    for name in LATER:
        if getattr(task, name, None) is not None:
            raise InvalidTaskOption(
                f"{name}: this option is not available in this release of django_taskq. "
                "Leave it out: a later release brings it."
            )
    for name, rule in _RULES.items():
        value = getattr(task, name, None)
        wrong = None if value is None else find_wrong(rule, value)
        if wrong is not None:
            raise InvalidTaskOption(f"{name}: {wrong}.")


def _check_queue(value: Any) -> str | None:
    return "expected a name, got ''" if value == "" else check_name(value, LONGEST_QUEUE)


def _check_max_tries(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        return f"expected a whole number of at least 1, got {value!r}"
    return None


def _check_metadata(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return f"expected a dict, got {value!r}"
    try:
        payload.encode(value, "metadata")
    except (TypeError, ValueError) as error:
        return str(error).removesuffix(".")
    return None


_RULES: dict[str, Rule] = {
    "queue_name": _check_queue,
    "tenant": check_tenant,
    "max_tries": _check_max_tries,
    "backoff": check_backoff,
    "metadata": _check_metadata,
    "timeout": check_duration,
    "max_running": check_max_running,
    **option_rules(),
}
