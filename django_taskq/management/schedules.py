"""Schedules as commands print them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django_taskq.exceptions import InvalidSchedule
from django_taskq.jobs import payload
from django_taskq.management import tables
from django_taskq.models.schedule import Schedule, Tick
from django_taskq.scheduling.runs import Run, next_runs, words_of_time
from django_taskq.stores.database.clock import aware

COLUMNS = ("name", "when", "next", "next in UTC", "enabled", "task", "backend", "note")
RUN_COLUMNS = ("next", "in UTC", "note")
TICK_COLUMNS = ("due", "decision", "late", "job", "state", "by hand", "reason")

type Runs = Sequence[Run]


def runs_of(row: Schedule, count: int, now: datetime) -> Runs:
    """Return the next runs of a schedule; none where it is off, or cannot be read."""
    if not row.enabled:
        return ()
    try:
        return next_runs(row, count, now)
    except InvalidSchedule:
        return ()


def listing(found: Iterable[tuple[Schedule, Runs]]) -> str:
    """Return schedules with the first of their next runs as a table."""
    return _footnoted(
        COLUMNS,
        [
            (
                (
                    row.name, words_of_time(row), runs and local(row, runs[0]),
                    runs and runs[0].utc, row.enabled, row.task, row.backend,
                ),
                (runs and runs[0].note) or row.reason,
            )
            for row, runs in found
        ],
    )  # fmt: skip


def value_of(row: Schedule, runs: Runs) -> dict[str, Any]:
    """Return a schedule as JSON has it."""
    return {
        "name": row.name,
        "enabled": row.enabled,
        "reason": row.reason,
        "source": str(row.source),
        "expression": row.expression,
        "every": row.every,
        "at": aware(row.at),
        "timezone": row.timezone,
        "start": aware(row.start_at),
        "end": aware(row.end_at),
        "jitter": row.jitter,
        "backend": row.backend,
        "task": row.task,
        "args": readable(row.args),
        "kwargs": readable(row.kwargs),
        "options": readable(row.options or "{}"),
        "queue": row.queue,
        "tenant": row.tenant,
        "priority": row.priority,
        "catchup": row.catchup,
        "catchup_limit": row.catchup_limit,
        "overlap": row.overlap,
        "next_at": aware(row.next_at),
        "last_due_at": aware(row.last_due_at),
        "next_runs": [value_of_run(run) for run in runs],
    }


def value_of_run(run: Run) -> dict[str, Any]:
    """Return a run as JSON has it."""
    return {"local": run.local, "utc": run.utc, "note": run.note}


def text_of(row: Schedule, runs: Runs) -> str:
    """Return everything about a schedule, one thing under the other, and its next runs."""
    value = value_of(row, ())
    for name in ("args", "kwargs", "options"):
        value[name] = tables.compact(value[name])
    for name in ("next_runs", "next_at", "expression", "every", "at"):
        del value[name]
    value = {"name": value.pop("name"), "when": words_of_time(row), **value}
    told = tables.fields((name.replace("_", " "), each) for name, each in value.items())
    return f"{told}\n\n{runs_table(row, runs)}"


def runs_table(row: Schedule, runs: Runs) -> str:
    """Return the next runs as a table."""
    return _footnoted(RUN_COLUMNS, [((local(row, run), run.utc), run.note) for run in runs])


def ticks_table(ticks: Iterable[tuple[Tick, str | None]]) -> str:
    """Return ticks and the states of their jobs as a table."""
    return tables.table(
        TICK_COLUMNS,
        (
            (
                aware(tick.due_at), tick.decision, f"{tick.late:.1f} s", tick.job_id, state,
                tick.is_by_hand, tick.reason,
            )
            for tick, state in ticks
        ),
    )  # fmt: skip


def value_of_tick(tick: Tick, state: str | None) -> dict[str, Any]:
    """Return a tick and the state of its job as JSON has it."""
    return {
        "due_at": aware(tick.due_at),
        "decision": str(tick.decision),
        "late": tick.late,
        "job": None if tick.job_id is None else str(tick.job_id),
        "state": state,
        "by_hand": tick.is_by_hand,
        "reason": tick.reason,
        "decided_at": aware(tick.decided_at),
    }


def local(row: Schedule, run: Run) -> str:
    """Return a run on the clocks of the schedule's zone, with its abbreviation or offset."""
    clocks = f"{run.local:%Y-%m-%d %H:%M:%S %Z}"
    return clocks if run.local.tzname() == row.timezone else f"{clocks} ({row.timezone})"


def _footnoted(header: Sequence[str], lines: Sequence[tuple[tuple[Any, ...], str | None]]) -> str:
    """Return a table whose notes, which are sentences, stand in full under it."""
    notes = list(dict.fromkeys(note for _, note in lines if note))
    marks = {note: f"({number})" for number, note in enumerate(notes, 1)}
    found = tables.table(header, [(*cells, marks.get(note or "")) for cells, note in lines])
    return "\n".join([found, *(f"{mark} {tables.clean(note)}" for note, mark in marks.items())])


def readable(text: str) -> Any:
    """Return stored JSON, or the text where it cannot be read."""
    try:
        return payload.decode(text)
    except ValueError:
        return text
