"""A pipeline made ready for a store: nodes with names, edges by number, inputs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.tasks.base import Task as DjangoTask

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.graph import Edge, Graph
from django_taskq.jobs.inputs import Source
from django_taskq.pipelines.arguments import takes_input, takes_item
from django_taskq.pipelines.pipeline import Pipeline, Step

LONGEST_NAME = 190


class Plan(NamedTuple):
    """The steps of a pipeline as the nodes of its graph, and what each gets as first argument."""

    steps: tuple[Step, ...]
    graph: Graph
    sources: tuple[tuple[Source, ...], ...]


def plan_of(pipeline: Pipeline) -> Plan:
    """Return how a pipeline is to be run. Raise InvalidPipeline where it cannot be."""
    if not pipeline.steps:
        raise InvalidPipeline("Expected a pipeline with at least one step, got an empty one.")
    steps = pipeline.steps
    numbers = {step: number for number, step in enumerate(steps)}
    names = _names(steps)
    edges = [(numbers[before], numbers[after]) for before, after in pipeline.edges]
    edges += _named_edges(steps)
    edges += _mapped_edges(steps, names, numbers, edges)
    graph = Graph(names, tuple(dict.fromkeys(edges)))
    cycle = graph.find_cycle()
    if cycle is not None:
        raise InvalidPipeline(
            f"Expected steps that can be put in order, got a cycle: {' >> '.join(cycle)}. A "
            "pipeline that is used twice stands for the same steps; a task or a signature stands "
            "for a new one each time."
        )
    return Plan(steps, graph, tuple(_sources(steps, graph)))


def task_id_of(task: DjangoTask) -> str | None:
    """Return the predictable id of a task, None where it has none."""
    id: str | None = getattr(task, "task_id", None)
    return id


def _names(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return a name for each step: its `task_id`, or that of its function, numbered."""
    fixed = [id for step in steps if (id := task_id_of(step.task)) is not None]
    taken = set(fixed)
    if len(taken) < len(fixed):
        twice = next(name for name in fixed if fixed.count(name) > 1)
        raise InvalidPipeline(
            f"Expected the steps of a pipeline to have different ids, got the task_id {twice!r} "
            "more than once. Give each its own with .using(task_id=...), or leave it out."
        )
    counts: dict[str, int] = {}
    names = []
    for step in steps:
        name = task_id_of(step.task)
        if name is None:
            name = _free(step.task.name[:LONGEST_NAME], counts, taken)
            taken.add(name)
        names.append(name)
    return tuple(names)


def _free(base: str, counts: dict[str, int], taken: set[str]) -> str:
    while True:
        counts[base] = count = counts.get(base, 0) + 1
        name = base if count == 1 else f"{base}_{count}"
        if name not in taken:
            return name


def _named_edges(steps: Sequence[Step]) -> Iterator[Edge]:
    """Yield the edges that steps ask for by naming another step in `depends_on`."""
    named = {id: n for n, step in enumerate(steps) if (id := task_id_of(step.task)) is not None}
    for number, step in enumerate(steps):
        for upstream in getattr(step.task, "depends_on", None) or ():
            if isinstance(upstream, str) and upstream in named:
                yield named[upstream], number


def _mapped_edges(
    steps: Sequence[Step],
    names: Sequence[str],
    numbers: dict[Step, int],
    edges: Sequence[Edge],
) -> Iterator[Edge]:
    """Yield the edges from the steps that return lists to those mapped over them."""
    by_name = {name: number for number, name in enumerate(names)}
    known = set(edges)
    for number, step in enumerate(steps):
        over = None if step.mapped is None else step.mapped.over
        if isinstance(over, str):
            upstream, told = by_name.get(over), over
        elif isinstance(over, Step):
            upstream, told = numbers.get(over), over.task.name
        else:
            continue
        if upstream is None:
            raise InvalidPipeline(
                f"over: expected a step of the same pipeline, got {told!r}. Its steps are "
                f"{', '.join(names)}."
            )
        if (upstream, number) not in known:
            yield upstream, number


def _sources(steps: Sequence[Step], graph: Graph) -> Iterator[tuple[Source, ...]]:
    by_name = {name: number for number, name in enumerate(graph.names)}
    numbers = {step: number for number, step in enumerate(steps)}
    for step, name, before in zip(steps, graph.names, graph.upstreams(), strict=True):
        if step.mapped is None:
            after_map = any(steps[number].mapped for number in before)
            wanted: Iterable[int] = (
                before if takes_input(step, name, len(before), after_map=after_map) else ()
            )
        else:
            takes_item(step, name)
            over = step.mapped.over
            if isinstance(over, str):
                wanted = [by_name[over]]
            elif isinstance(over, Step):
                wanted = [numbers[over]]
            else:
                wanted = before if over is None else ()
                _check_source(name, len(before), over)
        yield tuple(Source(number, steps[number].mapped is not None) for number in wanted)


def _check_source(name: str, count: int, over: object) -> None:
    if over is None and count != 1:
        raise InvalidPipeline(
            f"{name}: expected one step before map(), whose list it is mapped over, got {count}. "
            "Name one with map(over=...), or give the list itself."
        )
