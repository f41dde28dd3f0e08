"""What the options `depends_on` and `trigger_rule` mean for the jobs of a task."""

from typing import Any

from django.tasks import TaskResult
from django.tasks.base import Task as DjangoTask

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.unique import LONGEST_TASK_ID
from django_taskq.tenancy import check_name


def origin_of(task: DjangoTask, backend: str) -> Origin | None:
    """Return what jobs of a task wait for, None where that is nothing. Raise InvalidPipeline."""
    entries = getattr(task, "depends_on", None)
    if not entries:
        return None
    rule = getattr(task, "trigger_rule", None)
    return Origin(
        trigger_rule=TriggerRule.ALL_SUCCESS if rule is None else TriggerRule(rule),
        upstreams=tuple(dict.fromkeys(_upstream_of(entry, backend) for entry in entries)),
    )


def check_depends_on(value: Any) -> str | None:
    """Return what is wrong with a value of `depends_on`, if anything."""
    if not isinstance(value, list | tuple):
        return f"expected a list of task_ids and TaskResults, got {value!r}"
    for entry in value:
        if isinstance(entry, TaskResult):
            continue
        wrong = "expected an id, got ''" if entry == "" else check_name(entry, LONGEST_TASK_ID)
        if wrong is not None:
            return f"{wrong} among its entries, which are task_ids and TaskResults"
    return None


def check_trigger_rule(value: Any) -> str | None:
    """Return what is wrong with a value of `trigger_rule`, if anything."""
    known = tuple(TriggerRule)
    if isinstance(value, str) and value in known:
        return None
    return f"expected one of {', '.join(map(repr, map(str, known)))}, got {value!r}"


def _upstream_of(entry: Any, backend: str) -> Upstream:
    if not isinstance(entry, TaskResult):
        return Upstream(task_id=entry)
    if entry.backend != backend:
        raise InvalidPipeline(
            f"depends_on: expected results of the backend {backend!r}, got job {entry.id} of "
            f"{entry.backend!r}. Enqueue both on the same backend."
        )
    id = parse_id(entry.id)
    if id is None:
        raise InvalidPipeline(
            f"depends_on: expected results that enqueue() returned, got one with the id "
            f"{entry.id!r}, which is no id of a job."
        )
    return Upstream(id=id)
