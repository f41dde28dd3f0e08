"""From a pipeline to the jobs of a run."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from django.tasks import task_backends
from django.tasks.base import Task as DjangoTask
from django.tasks.exceptions import InvalidTaskBackend

from django_taskq import tenancy
from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.expansion import folded
from django_taskq.jobs.ids import derived_id, new_id
from django_taskq.jobs.inputs import with_inputs
from django_taskq.jobs.origin import NO_ORIGIN, TriggerRule, Upstream
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.unique import unique_key
from django_taskq.jobs.upstreams import without_rows
from django_taskq.pipelines.pipeline import Pipeline, Step
from django_taskq.pipelines.plan import Plan, plan_of, task_id_of
from django_taskq.pipelines.results import Results
from django_taskq.pipelines.run import PipelineRun

type Call = tuple[DjangoTask, Sequence[Any], dict[str, Any]]


def enqueue(pipeline: Pipeline, tenant: str | None, backend: str | None) -> PipelineRun:
    """Store a run of a pipeline; see `Pipeline.enqueue`."""
    plan = plan_of(pipeline)
    alias = backend or _alias_of(plan)
    owner: Any = task_backends[alias]
    if not hasattr(owner, "enqueue_placed"):
        raise InvalidTaskBackend(f"The backend {alias!r} is not one of django_taskq.")
    if not owner.store.has_edges:
        raise without_rows(alias)
    calls = _calls(plan, alias)
    run_id = new_id()
    limit: int = owner.settings.max_map_length
    within: AbstractContextManager[None] = (
        nullcontext() if tenant is None else tenancy.tenant(tenant)
    )
    with within:
        results = owner.enqueue_placed(calls, partial(_placed, plan, run_id, alias, limit))
    return PipelineRun(
        run_id, alias, Results(zip(plan.graph.names, results, strict=True)), plan.graph
    )


def _alias_of(plan: Plan) -> str:
    aliases = sorted({step.task.backend for step in plan.steps})
    if len(aliases) > 1:
        raise InvalidPipeline(
            f"Expected the steps of a pipeline to have one backend, got {', '.join(aliases)}. Say "
            "which with enqueue(backend=...)."
        )
    return aliases[0]


def _calls(plan: Plan, alias: str) -> list[Call]:
    """Return the calls of a plan; a task that stands in it often is made for the alias once."""
    names = {name for step in plan.steps if (name := task_id_of(step.task)) is not None}
    made: dict[int, DjangoTask] = {}
    calls: list[Call] = []
    for step in plan.steps:
        task = made.get(id(step.task))
        if task is None:
            task = made[id(step.task)] = _task_of(step, alias, names)
        calls.append((task, step.args, dict(step.kwargs)))
    return calls


def _task_of(step: Step, alias: str, names: set[str]) -> DjangoTask:
    """Return a step's task for the alias; what it waits for in the same run is an edge by now."""
    task: Any = step.task
    if task.backend != alias:
        task = task.using(backend=alias)
    before = list(getattr(task, "depends_on", None) or ())
    outside = [each for each in before if not (isinstance(each, str) and each in names)]
    if len(outside) < len(before):
        task = task.using(depends_on=outside)
    made: DjangoTask = task
    return made


def _placed(
    plan: Plan, run_id: str, alias: str, limit: int, specs: Sequence[JobSpec]
) -> list[JobSpec]:
    """Give the jobs of a run their ids, names, edges and inputs."""
    _check_tenants(plan, specs)
    ids = [derived_id(run_id, number) for number in range(len(specs))]
    placed = []
    before = plan.graph.upstreams()
    for number, (step, spec) in enumerate(zip(plan.steps, specs, strict=True)):
        origin = spec.origin or NO_ORIGIN
        upstreams = tuple(Upstream(id=ids[each]) for each in before[number])
        origin = origin._replace(
            run_id=run_id,
            node=plan.graph.names[number],
            trigger_rule=_rule_of(step.task),
            upstreams=(*origin.upstreams, *upstreams),
        )
        key = spec.task_id and unique_key(alias, spec.tenant, spec.task_id, run_id)
        spec = spec._replace(id=ids[number], origin=origin, unique_key=key)
        if step.mapped is not None:
            spec = folded(spec, step.mapped.items, step.mapped.max_running, limit)
        sources = plan.sources[number]
        if sources:
            spec = spec._replace(trace=with_inputs(spec.trace, sources))
        placed.append(spec)
    return placed


def _rule_of(task: DjangoTask) -> TriggerRule | None:
    rule = getattr(task, "trigger_rule", None)
    return None if rule is None else TriggerRule(rule)


def _check_tenants(plan: Plan, specs: Sequence[JobSpec]) -> None:
    for before, after in plan.graph.edges:
        own, other = specs[after].tenant, specs[before].tenant
        if own != other:
            names = plan.graph.names
            raise InvalidPipeline(
                f"{names[after]}: expected a step to wait for steps of its own tenant {own!r}, got "
                f"{names[before]} of {other!r}. Steps of several tenants can stand in one pipeline "
                "as long as none waits for another's."
            )
