"""The jobs of a run, read from its store, and the graph that they make."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django_taskq.jobs.expansion import EXPAND, task_of_template
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.graph import Graph
from django_taskq.jobs.ids import derived_id
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.run import Node, RunGraph, Tally, ordered, status_of, tally
from django_taskq.stores.base import Store


class RunJobs(NamedTuple):
    """The jobs of a run in the order of its steps, items after the step that grew into them.

    `waits` are pairs of names: the second waits for the first.
    """

    records: list[JobRecord]
    waits: tuple[tuple[str, str], ...]

    def graph(self, known: Graph | None = None) -> RunGraph:
        """Return the graph of the run; its edges are known where it was enqueued just now."""
        edges = self.waits
        if known is not None:
            edges = tuple(
                (known.names[before], known.names[after]) for before, after in known.edges
            )
        return ordered(list(_nodes(self.records)), edges)


def read_jobs(store: Store, run_id: str) -> RunJobs:
    """Return the jobs of a run, none where it is not known."""
    found = store.find(JobFilter(run_id=run_id, limit=None))
    places = {derived_id(run_id, number): number for number in range(len(found))}
    names = {record.node: places[record.id] for record in found if record.id in places}
    last = len(found)
    found.sort(
        key=lambda record: (
            names.get(record.node, last),
            -1 if record.map_index is None else record.map_index,
        )
    )
    return RunJobs(found, tuple(_waits(store, found)))


def name_of(record: JobRecord) -> str:
    """Return the name of a job in its run."""
    node = record.node or ""
    return node if record.map_index is None else f"{node}[{record.map_index}]"


def _waits(store: Store, records: Sequence[JobRecord]) -> Iterator[tuple[str, str]]:
    nodes = {record.id: record.node or "" for record in records}
    # The items of a mapped step wait for nothing outside of it.
    steps = [record.id for record in records if record.map_index is None]
    for edge in store.edges(steps):
        before, after = nodes.get(edge.upstream or ""), nodes.get(edge.downstream)
        if before is not None and after is not None and before != after:
            yield before, after


def _nodes(records: Sequence[JobRecord]) -> Iterator[Node]:
    items: dict[str, list[JobRecord]] = {}
    for record in records:
        if record.map_index is not None:
            items.setdefault(record.node or "", []).append(record)
    for record in records:
        if record.map_index is None:
            yield _node(record, items.get(record.node or "", []))


def _node(record: JobRecord, items: Sequence[JobRecord]) -> Node:
    name = record.node or ""
    if record.task != EXPAND:
        return Node(name, record.task, record.id, str(record.state), {})
    counts = Counter(str(item.state) for item in items)
    tallies: list[Tally] = tally(items)
    state = str(status_of(tallies)) if items else str(record.state)
    return Node(name, task_of_template(record.args), record.id, state, dict(counts))
