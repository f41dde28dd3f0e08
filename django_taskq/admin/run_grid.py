"""A grid of runs by step: how each step of the newest runs of one pipeline stands."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import Count, Min

from django_taskq.jobs.run import RunRecord
from django_taskq.jobs.states import State
from django_taskq.models import Job
from django_taskq.stores.database.clock import aware

# Rows of a grid, and the newest runs among which those are looked for.
MOST_ROWS, MOST_LOOKED_AT = 30, 100
BLOCKED = "BLOCKED"

# Of several jobs of a step the state that says most of it comes first.
_ORDER = (
    State.RUNNING, State.FAILED, BLOCKED, State.READY, State.SCHEDULED, State.DEFERRED,
    State.CANCELED, State.SKIPPED, State.SUCCESSFUL,
)  # fmt: skip
_CLASSES: dict[str, str] = {
    State.SUCCESSFUL: "taskq-good",
    State.FAILED: "taskq-bad",
    BLOCKED: "taskq-warn",
    State.RUNNING: "taskq-busy",
}


# Steps that have not begun come last.
_NEVER = datetime.max.replace(tzinfo=UTC)


class Cell(NamedTuple):
    """How one step of one run stands; `states` counts its jobs, `id` is that of its first one."""

    id: str
    states: dict[str, int]
    begun_at: datetime | None = None

    @property
    def state(self) -> str:
        """The state that says most of the step."""
        return next((str(state) for state in _ORDER if state in self.states), "")

    @property
    def told(self) -> str:
        """The states in words."""
        if sum(self.states.values()) == 1:
            return self.state
        counts = (
            f"{self.states[state]} {state}" for state in map(str, _ORDER) if state in self.states
        )
        return ", ".join(counts)

    @property
    def style(self) -> str:
        """The class that colours the cell."""
        return _CLASSES.get(self.state, "taskq-idle")


class Grid(NamedTuple):
    """Steps in the order in which they began, and a row of cells for each run."""

    steps: tuple[str, ...]
    rows: tuple[tuple[RunRecord, tuple[Cell | None, ...]], ...]


def grid_of(like: str, runs: Sequence[RunRecord], database: str) -> Grid:
    """Return the grid of those of some runs that have the same steps as one of them."""
    cells = _read([run.id for run in runs], database)
    wanted = cells.get(like, {})
    alike = [run for run in runs if cells.get(run.id, {}).keys() == wanted.keys()][:MOST_ROWS]
    order = tuple(sorted(wanted, key=lambda step: (wanted[step].begun_at or _NEVER, step)))
    rows = tuple((run, tuple(cells[run.id].get(step) for step in order)) for run in alike)
    return Grid(order, rows)


def _read(ids: Sequence[str], database: str) -> dict[str, dict[str, Cell]]:
    """Return the cells of runs by step, by two statements."""
    jobs = Job._default_manager.using(database).filter(run_id__in=[uuid.UUID(id) for id in ids])
    rows: Any = jobs.order_by().values_list("run_id", "node", "state", "is_blocked")
    found: dict[tuple[str, str], list[Any]] = {}
    for run_id, node, *row in rows.annotate(Count("pk"), Min("pk"), Min("started_at")):
        found.setdefault((str(run_id), node or ""), []).append(row)
    first = {key: min(seq for _, _, _, seq, _ in parts) for key, parts in found.items()}
    known = Job._default_manager.using(database).filter(pk__in=list(first.values()))
    public = dict(known.values_list("pk", "public_id"))
    cells: dict[str, dict[str, Cell]] = {}
    for key, parts in found.items():
        run_id, node = key
        cells.setdefault(run_id, {})[node] = _cell(str(public.get(first[key], "")), parts)
    return cells


def _cell(id: str, parts: Sequence[Any]) -> Cell:
    states: Counter[str] = Counter()
    for state, is_blocked, count, _, _ in parts:
        states[BLOCKED if is_blocked and state == State.DEFERRED else str(state)] += count
    begun = [aware(began) for *_, began in parts if began is not None]
    return Cell(id, dict(states), min(begun, default=None))
