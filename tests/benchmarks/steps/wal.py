"""Bytes of write-ahead log that one job costs: enqueued, run and finished."""

from __future__ import annotations

import psycopg

from tests.benchmarks.steps.bench import Bench

PAYLOAD = "x" * 100


def wal(bench: Bench, jobs: int, seconds: float = 60) -> dict[str, float]:
    """Read the log's position before the first enqueue and after the last result."""
    with psycopg.connect(bench.place.dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        start = _position(connection)
        bench.peer.enqueue(jobs, PAYLOAD)
        enqueued = _position(connection)
        with bench.worker() as worker:
            bench.wait_finished(worker, jobs, seconds)
            finished = _position(connection)
    return {
        "bytes_per_job": (finished - start) / jobs,
        "bytes_per_enqueue": (enqueued - start) / jobs,
        "jobs": jobs,
    }


def _position(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    if row is None:
        raise LookupError("PostgreSQL gave no position of its write-ahead log.")
    return int(row[0])
