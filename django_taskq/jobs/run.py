"""The run of a pipeline as a whole: its status, and its graph as data."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import ENDED, State


class RunStatus(StrEnum):
    """How a run stands. SUCCESSFUL has nothing that failed, was canceled, or waits for such."""

    READY = "READY"
    RUNNING = "RUNNING"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class Tally(NamedTuple):
    """How many jobs there are in a state; those that are blocked are counted by themselves."""

    state: State | str
    is_blocked: bool
    is_begun: bool
    count: int  # type: ignore[assignment]


class RunRecord(NamedTuple):
    """A run as lists show it. `tenants` are those of its jobs, `tallies` how these stand."""

    id: str
    backend: str
    tenants: tuple[str, ...]
    enqueued_at: datetime
    finished_at: datetime | None
    tallies: tuple[Tally, ...]

    @property
    def status(self) -> RunStatus:
        """How the run stands."""
        return status_of(self.tallies)

    @property
    def states(self) -> dict[str, int]:
        """How many jobs there are in each state; the blocked ones under a name of their own."""
        counts: Counter[str] = Counter()
        for each in self.tallies:
            counts["BLOCKED" if each.is_blocked else str(each.state)] += each.count
        return dict(counts)


OVER = frozenset({RunStatus.SUCCESSFUL, RunStatus.FAILED, RunStatus.CANCELED})


def status_of(tallies: Iterable[Tally]) -> RunStatus:
    """Return the status of a run by the states of its jobs.

    A run goes on while any of its jobs may still run by itself.
    """
    listed = [tally for tally in tallies if tally.count]
    has_failed = any(tally.state == State.FAILED or tally.is_blocked for tally in listed)
    is_open = any(tally.state not in ENDED and not tally.is_blocked for tally in listed)
    if is_open:
        return RunStatus.RUNNING if any(tally.is_begun for tally in listed) else RunStatus.READY
    if has_failed:
        return RunStatus.FAILED
    if any(tally.state == State.CANCELED for tally in listed):
        return RunStatus.CANCELED
    return RunStatus.SUCCESSFUL


def tally(records: Iterable[JobRecord]) -> list[Tally]:
    """Count the jobs of a run."""
    counts = Counter((record.state, record.is_blocked, _is_begun(record)) for record in records)
    return [Tally(*key, count) for key, count in counts.items()]


def _is_begun(record: JobRecord) -> bool:
    return record.attempt > 0 or record.state in ENDED


class Node(NamedTuple):
    """A step of a run. `states` counts the jobs of a mapped one, of which there are several.

    `id` is the id of the job that stands for the step, None where that is gone.
    """

    name: str
    task: str
    id: str | None
    state: str
    states: dict[str, int]

    @property
    def is_mapped(self) -> bool:
        """Whether the step runs once for each item of a list."""
        return bool(self.states)

    @property
    def items(self) -> int:
        """How many items there are, as far as that is known."""
        return sum(self.states.values())


class RunGraph(NamedTuple):
    """The steps of a run and the edges between them, by name."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def dot(self) -> str:
        """Return the graph in the language of Graphviz."""
        lines = ["digraph run {", "  rankdir=LR;", "  node [shape=box];"]
        lines += [
            f"  {_dot(node.name)} [label={_dot(_label(node))}, class={_dot(node.state)}];"
            for node in self.nodes
        ]
        lines += [f"  {_dot(before)} -> {_dot(after)};" for before, after in self.edges]
        return "\n".join([*lines, "}"])

    def mermaid(self) -> str:
        """Return the graph in the language of Mermaid."""
        places = {node.name: f"n{number}" for number, node in enumerate(self.nodes)}
        lines = ["flowchart LR"]
        lines += [f'  {places[node.name]}["{_mermaid(_label(node))}"]' for node in self.nodes]
        lines += [f"  {places[before]} --> {places[after]}" for before, after in self.edges]
        return "\n".join(lines)


def ordered(nodes: Sequence[Node], edges: Iterable[tuple[str, str]]) -> RunGraph:
    """Return a graph with edges between nodes that are there."""
    names = {node.name for node in nodes}
    kept = dict.fromkeys(edge for edge in edges if names.issuperset(edge))
    return RunGraph(tuple(nodes), tuple(kept))


def _label(node: Node) -> str:
    name = f"{node.name} x {node.items}" if node.is_mapped else node.name
    return f"{name}\n{node.state}"


def _dot(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{quoted}"'


def _mermaid(text: str) -> str:
    # Mermaid reads HTML and its own entities inside of quotes.
    escaped = "".join(
        char if char.isalnum() or char in " _.,-\n" else f"#{ord(char)};" for char in text
    )
    return escaped.replace("\n", "<br>")
