"""Pipelines as plain data: steps, and which of them waits for which."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

from django.tasks.base import Task as DjangoTask

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.limits import check_max_running
from django_taskq.operators import Operators
from django_taskq.tasks import Signature

if TYPE_CHECKING:
    from django_taskq.pipelines.run import PipelineRun

MOST_EDGES = 1_000_000


class Mapped(NamedTuple):
    """Over what a step is mapped, and how many of its items run at once.

    `over` is a list, the name of a step, a step, or None for the one step before.
    """

    over: "Sequence[Any] | str | Step | None" = None
    max_running: int | None = None

    @property
    def items(self) -> Sequence[Any] | None:
        """The list itself where that is known from the start."""
        return self.over if isinstance(self.over, list | tuple) else None


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call in a pipeline. Two steps are never equal: each becomes a node of its own."""

    task: DjangoTask
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    mapped: Mapped | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline(Operators):
    """Steps in order, and the edges between them. It never changes: operators return new ones.

    What is put before it comes before its `roots`, what is put after it after its `ends`. The same
    pipeline used twice stands for the same steps.
    """

    steps: tuple[Step, ...] = ()
    edges: tuple[tuple[Step, Step], ...] = ()
    roots: tuple[Step, ...] = ()
    ends: tuple[Step, ...] = ()

    def enqueue(self, *, tenant: str | None = None, backend: str | None = None) -> "PipelineRun":
        """Store a run of the pipeline, in one transaction, all or nothing.

        `tenant` is for the steps that name none. `backend` is for all steps; without one they
        must agree. Raise InvalidPipeline for what cannot be run as one pipeline.
        """
        from django_taskq.pipelines.enqueue import enqueue

        return enqueue(self, tenant, backend)

    async def aenqueue(
        self, *, tenant: str | None = None, backend: str | None = None
    ) -> "PipelineRun":
        """Store a run of the pipeline as `enqueue` does."""
        from asgiref.sync import sync_to_async

        return await sync_to_async(self.enqueue)(tenant=tenant, backend=backend)


type Part = DjangoTask | Signature | Pipeline | Sequence[Part]


def chain(*parts: Part) -> Pipeline:
    """Return a pipeline in which each part waits for the one before it; parts without a step
    are left out.
    """
    pipelines = [made for made in map(as_pipeline, _listed(parts)) if made.steps]
    if not pipelines:
        return Pipeline()
    edges: list[tuple[Step, Step]] = list(pipelines[0].edges)
    for before, after in pairwise(pipelines):
        if len(before.ends) * len(after.roots) > MOST_EDGES:
            raise InvalidPipeline(
                f"Expected at most {MOST_EDGES} edges between two groups, got {len(before.ends)} "
                f"times {len(after.roots)}. Put one step between them, for which the second waits."
            )
        edges += product(before.ends, after.roots)
        edges += after.edges
    return Pipeline(
        _once(pipelines, "steps"), _unique(edges), pipelines[0].roots, pipelines[-1].ends
    )


def group(*parts: Part) -> Pipeline:
    """Return a pipeline whose parts do not wait for one another."""
    pipelines = [as_pipeline(part) for part in _listed(parts)]
    edges = [edge for pipeline in pipelines for edge in pipeline.edges]
    return Pipeline(
        _once(pipelines, "steps"),
        _unique(edges),
        _once(pipelines, "roots"),
        _once(pipelines, "ends"),
    )


def mapped(part: Any, over: Any, max_running: int | None) -> Pipeline:
    """Return a pipeline of one step that runs once for each item. Raise InvalidPipeline."""
    step = _single(part, "map")
    if step.mapped is not None:
        raise InvalidPipeline("map(): expected a step that is not mapped yet, got one that is.")
    wrong = None if max_running is None else check_max_running(max_running)
    if wrong is not None:
        raise InvalidPipeline(f"max_running: {wrong}.")
    if is_part(over) and not isinstance(over, list | tuple):
        over = _single(over, "over")
    elif not (over is None or isinstance(over, str | list | tuple)):
        raise InvalidPipeline(
            f"over: expected a list, a step or the name of one, got {over!r}. An iterator can be "
            "given as list(...)."
        )
    made = Step(step.task, step.args, step.kwargs, Mapped(over, max_running))
    return _of_one(made)


def is_part(value: Any) -> bool:
    """Tell whether a value can be put into a pipeline."""
    return isinstance(value, DjangoTask | Signature | Pipeline | list | tuple)


def as_pipeline(part: Any) -> Pipeline:
    """Return a part as a pipeline; a list is a group. Raise InvalidPipeline."""
    match part:
        case Pipeline():
            return part
        case Signature():
            return _of_one(Step(part.task, tuple(part.args), part.kwargs))
        case DjangoTask():
            return _of_one(Step(part))
        case list() | tuple():
            return group(*part)
    raise InvalidPipeline(
        "Expected the parts of a pipeline to be tasks, signatures (task.s(...)), groups or "
        f"pipelines, got {part!r}."
    )


def _of_one(step: Step) -> Pipeline:
    return Pipeline((step,), (), (step,), (step,))


def _single(part: Any, what: str) -> Step:
    steps = as_pipeline(part).steps
    if len(steps) != 1:
        raise InvalidPipeline(f"{what}: expected one step, got {len(steps)}.")
    return steps[0]


def _listed(parts: tuple[Any, ...]) -> Iterable[Any]:
    """Return the parts, which may also come as one iterable."""
    if len(parts) == 1 and not is_part(parts[0]) and isinstance(parts[0], Iterable):
        return list(parts[0])
    if len(parts) == 1 and isinstance(parts[0], list | tuple):
        return parts[0]
    return parts


def _once(pipelines: Iterable[Pipeline], name: str) -> tuple[Step, ...]:
    return tuple(dict.fromkeys(step for each in pipelines for step in getattr(each, name)))


def _unique(edges: Iterable[tuple[Step, Step]]) -> tuple[tuple[Step, Step], ...]:
    return tuple(dict.fromkeys(edges))
