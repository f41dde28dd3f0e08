"""A mapped step: the job that stands for it, and the jobs into which that grows."""

from collections.abc import Sequence
from typing import Any

from django_taskq.jobs import payload
from django_taskq.jobs.inputs import item_ids, prepend
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.spec import JobSpec

# The task of a job that grows into others. It returns the items.
EXPAND = "django_taskq.pipelines.expanding.expand"

# What the jobs of the items have of the step; the rest is their own.
_SHARED = ("task", "args", "kwargs", "max_tries", "metadata", "options", "gate", "trace")


def folded(
    spec: JobSpec, items: Sequence[Any] | None, max_running: int | None, limit: int
) -> JobSpec:
    """Return the job that stands for a mapped step until it grows.

    `items` is None where another job is to return them.
    """
    template: dict[str, Any] = {name: getattr(spec, name) for name in _SHARED}
    template["max_running"] = max_running
    given = [] if items is None else [items]
    return spec._replace(
        task=EXPAND,
        args=payload.encode([*given, template, limit], "the step"),
        kwargs="{}",
        max_tries=None,
        metadata=None,
        options=None,
        gate="",
    )


def grown(
    id: str, args: str, origin: Origin, items: list[Any], *, queue: str, tenant: str, priority: int
) -> list[JobSpec]:
    """Return a job for each item, their ids the same each time.

    `args` are those of the folded job. With `max_running` the items run in as many chains, each
    behind the one before it in its chain, however that ended. Raise ValueError where the arguments
    are not what `folded` wrote.
    """
    try:
        template = payload.decode(args)[-2]
        abreast: int | None = template.pop("max_running")
        rest = template.pop("args")
    except (TypeError, LookupError, AttributeError):
        raise ValueError("Expected the arguments of a mapped step, got something else.") from None
    ids = item_ids(id, len(items))
    return [
        JobSpec(
            id=own,
            args=prepend(rest, payload.encode(item, "an item")),
            queue=queue,
            tenant=tenant,
            priority=priority,
            origin=_place(origin, index, ids, abreast),
            **template,
        )
        for index, (own, item) in enumerate(zip(ids, items, strict=True))
    ]


def _place(origin: Origin, index: int, ids: list[str], abreast: int | None) -> Origin:
    place = Origin(run_id=origin.run_id, node=origin.node, map_index=index)
    if abreast is None or index < abreast:
        return place
    return place._replace(
        trigger_rule=TriggerRule.ALL_DONE, upstreams=(Upstream(id=ids[index - abreast]),)
    )


def task_of_template(args: str) -> str:
    """Return the import path of the step's task for which a folded job stands."""
    try:
        return str(payload.decode(args)[-2]["task"])
    except (ValueError, TypeError, LookupError):
        return EXPAND
