"""How many statements a worker sends, counted inside the worker at the database driver.

Switched on by an environment variable, for the one step that needs it. On SQLite the driver
reports every statement it runs; on PostgreSQL Django's own wrapper counts what goes through a
cursor, and a connection that only listens sends nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "BENCHMARK_TRAFFIC"
FILE = "traffic"
FREE = ("PRAGMA data_version", "LISTEN")


def statements(directory: Path) -> int:
    """Return how many statements have been counted, the free ones aside."""
    file = directory / FILE
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _recorder(path: Path) -> Callable[[str], None]:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def record(sql: str) -> None:
        if not sql.lstrip().startswith(FREE):
            os.write(descriptor, " ".join(sql.split())[:500].encode() + b"\n")

    return record


def count_statements(directory: Path) -> None:
    """Record the statements of every connection that Django opens from now on."""
    from django.db.backends.signals import connection_created

    record = _recorder(directory / FILE)

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        record(sql)
        return run(sql, params, many, context)

    def watch(connection: Any, **_: Any) -> None:
        if connection.vendor == "sqlite":
            connection.connection.set_trace_callback(record)
        elif execute not in connection.execute_wrappers:
            connection.execute_wrappers.append(execute)

    connection_created.connect(watch, weak=False, dispatch_uid=VARIABLE)
