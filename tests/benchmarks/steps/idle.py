"""What a worker with nothing to do asks of the database and of the processor."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

import psycopg

from tests.benchmarks.deadline import pause
from tests.benchmarks.steps.bench import Bench
from tests.benchmarks.traffic import statements

SETTLE = 3


def idle(bench: Bench, seconds: float) -> dict[str, float]:
    """Watch an idle worker, after one job and a moment to settle."""
    bench.fill(1)
    with bench.worker() as worker:
        bench.wait_finished(worker, 1, 30)
        pause(SETTLE)
        cpu, asked, start = worker.cpu_seconds(), statements(bench.directory), monotonic()
        committed = transactions(bench)
        pause(seconds)
        worker.check()
        elapsed = monotonic() - start
        return {
            "queries_per_second": (statements(bench.directory) - asked) / elapsed,
            "transactions_per_second": (transactions(bench) - committed) / elapsed,
            "cpu_percent": 100 * (worker.cpu_seconds() - cpu) / elapsed,
            "seconds": elapsed,
        }


def transactions(bench: Bench) -> int:
    """Ask PostgreSQL what the database has seen, as a check on what the driver counted."""
    if bench.place.kind != "postgresql":
        return 0
    query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s"
    with psycopg.connect(replace(bench.place, name="postgres").dsn) as connection:
        row = connection.execute(query, [bench.place.name]).fetchone()
    return int(row[0]) if row else 0
