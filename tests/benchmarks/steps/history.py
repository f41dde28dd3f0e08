"""Finished jobs by the million, written by the database itself."""

from __future__ import annotations

from django.db import connection
from django.db.backends.utils import CursorWrapper

from tests.benchmarks.steps.bench import Bench

TABLE = "taskq_job"
SERIES = {
    "postgresql": "generate_series(1, {rows}) AS series(n)",
    "sqlite": (
        "(WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series"
        " WHERE n < {rows}) SELECT n FROM series)"
    ),
}
PUBLIC_ID = {
    "postgresql": "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
    "sqlite": "printf('00000000000070008000%012x', n)",
}


def fill(bench: Bench, rows: int) -> dict[str, float]:
    """Run one real job and copy its row, each copy with an id of its own."""
    bench.fill(1)
    with bench.worker() as worker:
        bench.wait_finished(worker, 1, 30)
    with connection.cursor() as cursor:
        cursor.execute(_copy(cursor, rows))
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return {"rows": rows}


def _copy(cursor: CursorWrapper, rows: int) -> str:
    description = connection.introspection.get_table_description(cursor, TABLE)
    columns = [column.name for column in description if column.name != "seq"]
    values = [PUBLIC_ID[connection.vendor] if c == "public_id" else f"old.{c}" for c in columns]
    return (
        f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {', '.join(values)}"
        f" FROM {TABLE} AS old, {SERIES[connection.vendor].format(rows=rows)}"
    )
