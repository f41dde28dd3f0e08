"""The figures about turns, limits and stealing; `docs/fairness.md` tells what they mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.benchmarks.peers import Entry
from tests.benchmarks.peers.base import THREADS
from tests.benchmarks.peers.ours import OPTIONS, PROCESSES_ASKED, ROWS, WORKER
from tests.benchmarks.session import Session

FLOOD_JOBS = 10_000
# For peers that would take a minute.
SHORT_FLOOD = 2_000
FEW_THREADS, MANY_THREADS = 4, 16
SHARE = 0.5
PLOTTED = (0.75, 0.25)
TRICKLE_SECONDS = 8
HELD_SECONDS = 8
WEIGHT_SECONDS = 8
LENGTH_SECONDS = 12
BOUND_SECONDS = 6
CROWD_TENANTS, CROWD_JOBS = 10_000, 50_000
CLAIM_TENANTS, CLAIMS = 100_000, 300
FIFO_BATCH = 100
STEAL_ROUNDS = 10
WITHOUT_ROWS = ("redis", "memory")
"""Where jobs are no rows, which what is timed by statements cannot do without."""


def flood(session: Session) -> None:
    """Let 50 tenants come behind a flood; the peers, which know no tenants, once."""
    for repeat in range(session.repeats):
        for entry in session.entries:
            if entry.kind != "processes" and (entry.ours or (entry.naps and repeat == 0)):
                around = _threads(entry, FEW_THREADS)
                jobs = SHORT_FLOOD if entry.naps and entry.share < 0.1 else FLOOD_JOBS
                _measure(session, "flood", entry, around, jobs=jobs, threads=FEW_THREADS)


def trickle(session: Session) -> None:
    """Let 50 tenants send small jobs beside a flood and without one."""
    for _ in range(session.repeats):
        for entry in _ours(session, *WITHOUT_ROWS):
            around = _threads(entry, FEW_THREADS)
            seconds = TRICKLE_SECONDS
            _measure(session, "trickle", entry, around, seconds=seconds, threads=FEW_THREADS)


def held(session: Session) -> None:
    """Let them send beside a flood of long jobs, with several shares and without one."""
    for repeat in range(session.repeats):
        for entry in _ours(session, *WITHOUT_ROWS):
            for share in (SHARE,) if repeat else _shares_of(entry):
                label = {SHARE: entry.name, None: f"{entry.name} without a share"}.get(
                    share, f"{entry.name} with {share}"
                )
                around = _threads(entry, MANY_THREADS, **({"TENANT_SHARE": share} if share else {}))
                _measure(
                    session, "held", entry, around,
                    label=label, seconds=HELD_SECONDS, threads=MANY_THREADS,
                )  # fmt: skip


def _shares_of(entry: Entry) -> tuple[float | None, ...]:
    """Return the shares of a first repeat; those for the plot are measured on one database."""
    return (SHARE, None, *PLOTTED) if entry.kind == "postgresql" else (SHARE, None)


def weights(session: Session) -> None:
    """Divide a worker's time by weights."""
    for _ in range(session.repeats):
        for entry in _ours(session, *WITHOUT_ROWS):
            around = _threads(entry, FEW_THREADS) | {ROWS: "1"}
            seconds = WEIGHT_SECONDS
            _measure(session, "weights", entry, around, seconds=seconds, threads=FEW_THREADS)


def lengths(session: Session) -> None:
    """Divide a worker's time among jobs of different length."""
    for _ in range(session.repeats):
        for entry in _ours(session, *WITHOUT_ROWS):
            around = _threads(entry, FEW_THREADS)
            seconds = LENGTH_SECONDS
            _measure(session, "lengths", entry, around, seconds=seconds, threads=FEW_THREADS)


def fifo(session: Session) -> None:
    """Weigh the fair claim against one that knows no tenants."""
    for _ in range(session.repeats):
        for entry in _ours(session):
            _measure(session, "fifo", entry, {}, jobs=2 * session.jobs, batch=FIFO_BATCH)


def crowd(session: Session) -> None:
    """Drain many tenants and one, and time claims beside very many."""
    for _ in range(session.repeats):
        for entry in _ours(session, *WITHOUT_ROWS):
            for tenants, label in ((CROWD_TENANTS, ""), (1, f"{entry.name} one tenant")):
                _measure(session, "crowd", entry, {}, label=label, tenants=tenants, jobs=CROWD_JOBS)
        for entry in _ours(session):
            _measure(session, "claims", entry, {}, tenants=CLAIM_TENANTS, count=CLAIMS)


def limits(session: Session) -> None:
    """Run a capped task and one with a rate under three worker processes."""
    for _ in range(session.repeats):
        for entry in _ours(session, *WITHOUT_ROWS):
            for step in ("cap", "rate"):
                _measure(session, step, entry, {PROCESSES_ASKED: "3"}, seconds=BOUND_SECONDS)


def steal(session: Session) -> None:
    """Let a worker's own tenants run dry."""
    whose = "--tenants tenant-000001 --steal tenant-000002"
    for _ in range(session.repeats):
        for entry in _ours(session, "redis"):
            around = {WORKER: f"--threads {FEW_THREADS} {whose}"}
            _measure(session, "steal", entry, around, rounds=STEAL_ROUNDS, threads=FEW_THREADS)


FIGURES: dict[str, Callable[[Session], None]] = {
    "flood": flood,
    "trickle": trickle,
    "held": held,
    "weights": weights,
    "lengths": lengths,
    "fifo": fifo,
    "crowd": crowd,
    "limits": limits,
    "steal": steal,
}


def _measure(
    session: Session, step: str, entry: Entry, around: dict[str, str], **options: Any
) -> None:
    session.measure(step, entry, step, environment=around, **options)


def _ours(session: Session, *further: str) -> list[Entry]:
    kinds = ("postgresql", "sqlite", *further)
    return [entry for entry in session.entries if entry.ours and entry.kind in kinds]


def _threads(entry: Entry, count: int, **options: Any) -> dict[str, str]:
    """Return the environment in which anybody's worker runs so many jobs at a time."""
    if entry.kind == "memory":
        options = {"MAX_WORKERS": count, **options}
    return {
        THREADS: str(count),
        WORKER: f"--threads {count}",
        OPTIONS: json.dumps(options),
    }
