"""The figures that can be asked for, each a function that measures it with every peer it fits.

Peers take turns within a repeat, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.benchmarks import turns
from tests.benchmarks.peers import Entry
from tests.benchmarks.peers.ours import OPTIONS
from tests.benchmarks.processes import ProcessError
from tests.benchmarks.session import Session
from tests.benchmarks.traffic import VARIABLE as TRAFFIC

HISTORY_ROWS = 1_000_000
LATENCY_SAMPLES = 200
LATENCY_SECONDS = 5.0
IDLE_SECONDS = 15.0
LEAST_JOBS = 100
CANCELED = 10_000
PROCESSES = "BENCHMARK_PROCESSES"


def enqueue(session: Session) -> None:
    """Enqueue one by one."""
    _for_each(session, "enqueue", "enqueue", _stored, share=0.1)


def enqueue_many(session: Session) -> None:
    """Enqueue half the jobs in one call."""
    _for_each(session, "enqueue_many", "enqueue_many", lambda e: _stored(e) and e.bulk, share=0.5)


def cancel(session: Session) -> None:
    """Cancel our own waiting jobs in one call."""
    for _ in range(session.repeats):
        for entry in filter(_ours_stored, session.entries):
            session.measure("cancel", entry, "cancel", jobs=CANCELED)


def drain(session: Session) -> None:
    """Work off a backlog with one worker process."""
    for _ in range(session.repeats):
        for entry in filter(_stored, session.entries):
            session.measure("drain", entry, "drain", jobs=_jobs(session, entry.share))


def latency(session: Session) -> None:
    """Send single jobs to an idle worker."""
    for _ in range(session.repeats):
        # Jobs of several processes would write their starts into the same slots of the tally.
        for entry in filter(lambda entry: entry.kind != "processes", session.entries):
            options = {"samples": LATENCY_SAMPLES, "seconds": LATENCY_SECONDS}
            session.measure("latency", entry, "latency", **options)


def pool(session: Session) -> None:
    """Take jobs through a pool of the producer's own process, of threads and of processes."""
    _for_each(session, "pool", "pool", lambda entry: not _stored(entry), share=1.0)


def cpu(session: Session) -> None:
    """Take jobs that compute through one process and through two, in turn."""
    for _ in range(session.repeats):
        for entry in session.entries:
            if entry.ours and entry.kind == "processes":
                session.measure("cpu", entry, "cpu", jobs=_jobs(session, 0.005))


def processes(session: Session) -> None:
    """Drain our own queue by one process and by two, jobs that do nothing and jobs that compute."""
    for _ in range(session.repeats):
        for entry in filter(_ours_stored, session.entries):
            for kind, share in (("noop", 2.0), ("compute", 0.015)):
                jobs = _jobs(session, share)
                _by_processes(session, entry, f"processes, {kind}", "fleet", jobs=jobs, kind=kind)


def memory(session: Session) -> None:
    """Weigh our own idle `runworker` with one process and with two."""
    for entry in filter(_ours_in_rows, session.entries):
        _by_processes(session, entry, "memory", "memory")


def _by_processes(session: Session, entry: Entry, figure: str, step: str, **options: Any) -> None:
    original = session.original(entry)
    for count in (1, 2) if original is not None else ():
        session.measure_in(
            original, figure, entry, step,
            label=entry.name if count == 1 else f"{entry.name} x {count}",
            environment={PROCESSES: str(count)}, processes=count, **options,
        )  # fmt: skip


def history(session: Session) -> None:
    """Drain our own queue beside a million finished rows and beside none, in turn."""
    for entry in filter(_ours_in_rows, session.entries):
        with session.databases.empty(entry.kind) as place:
            try:
                session.say(f"history: making {HISTORY_ROWS:,} finished rows on {entry.kind}")
                session.step(entry, place, "prepare", {}, {})
                session.step(entry, place, "fill", {}, {"rows": HISTORY_ROWS})
            except ProcessError as error:
                session.reasons["history", entry.name] = str(error)
                continue
            for _ in range(session.repeats):
                jobs = _jobs(session, 1.0)
                session.measure("history", entry, "drain", jobs=jobs)
                label = f"{entry.name} + {HISTORY_ROWS:,} rows"
                session.measure_in(place, "history", entry, "drain", label=label, jobs=jobs)


def idle(session: Session) -> None:
    """Watch our own worker do nothing."""
    for entry in filter(_ours_in_rows, session.entries):
        watched = {TRAFFIC: "1"}
        session.measure("idle", entry, "idle", environment=watched, seconds=IDLE_SECONDS)


def middleware(session: Session) -> None:
    """Drain our own queue inside of the default stack and of an empty one, in turn."""
    for _ in range(session.repeats):
        for entry in filter(_ours_stored, session.entries):
            original = session.original(entry)
            for label, options in ((entry.name, {}), (f"{entry.name} without", {"MIDDLEWARE": []})):
                if original is not None:
                    session.measure_in(
                        original, "middleware", entry, "drain", label=label,
                        environment={OPTIONS: json.dumps(options)}, jobs=_jobs(session, 1.0),
                    )  # fmt: skip


def layers(session: Session) -> None:
    """Time the way through a stack by itself."""
    for _ in range(session.repeats):
        for entry in session.entries:
            if entry.ours and entry.kind == "memory":
                session.measure("layers", entry, "layers", attempts=session.jobs)


def wal(session: Session) -> None:
    """Weigh the write-ahead log of our own jobs."""
    for entry in session.entries:
        if entry.ours and entry.kind == "postgresql":
            session.measure("wal", entry, "wal", jobs=_jobs(session, 0.1))


FIGURES: dict[str, Callable[[Session], None]] = {
    "enqueue": enqueue,
    "enqueue_many": enqueue_many,
    "cancel": cancel,
    "drain": drain,
    "latency": latency,
    "pool": pool,
    "cpu": cpu,
    "processes": processes,
    "memory": memory,
    "history": history,
    "idle": idle,
    "middleware": middleware,
    "layers": layers,
    "wal": wal,
    **turns.FIGURES,
}


def _for_each(
    session: Session, figure: str, step: str, fits: Callable[[Entry], bool], share: float
) -> None:
    for _ in range(session.repeats):
        for entry in filter(fits, session.entries):
            session.measure(figure, entry, step, jobs=_jobs(session, share))


def _jobs(session: Session, share: float) -> int:
    return max(LEAST_JOBS, int(session.jobs * share))


def _stored(entry: Entry) -> bool:
    return entry.kind not in ("memory", "processes")


def _ours_stored(entry: Entry) -> bool:
    return entry.ours and _stored(entry)


def _ours_in_rows(entry: Entry) -> bool:
    return _ours_stored(entry) and entry.kind != "redis"
