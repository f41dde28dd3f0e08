"""Databases for stages: made once for a test process, then copied for each test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests import servers
from tests.lifecycle.stage import migrate, opened
from tests.servers import postgresql

_numbers = count(1)


def sqlite_database(path: Path) -> dict[str, Any]:
    """Return the entry of DATABASES for an SQLite file, set up as the documentation asks."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }


class SqliteMold:
    """A migrated SQLite file, of which tests get copies."""

    def __init__(self, directory: Path, settings: Any) -> None:
        self._path = directory / "mold.sqlite3"
        with opened(sqlite_database(self._path), directory, settings):
            migrate()

    @contextmanager
    def copied(self, directory: Path) -> Iterator[dict[str, Any]]:
        """Return the entry of DATABASES for a copy that lives as long as the directory."""
        path = directory / "jobs.sqlite3"
        shutil.copyfile(self._path, path)
        yield sqlite_database(path)

    def close(self) -> None:
        """Leave nothing behind; the directory goes with the test run."""


class PostgresqlMold:
    """A migrated database on the run's PostgreSQL server, of which tests get copies."""

    def __init__(self, directory: Path, settings: Any) -> None:
        self._url = servers.url_of("postgresql")
        self._name = f"lifecycle_{os.getpid()}_mold"
        self._execute("CREATE DATABASE {}", self._name)
        with opened(self._entry(self._name), directory, settings):
            migrate()

    @contextmanager
    def copied(self, directory: Path) -> Iterator[dict[str, Any]]:
        """Return the entry of DATABASES for a copy that is dropped afterwards."""
        name = f"lifecycle_{os.getpid()}_{next(_numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, self._name)
        try:
            yield self._entry(name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        """Drop the database."""
        self._execute("DROP DATABASE {} WITH (FORCE)", self._name)

    def _entry(self, name: str) -> dict[str, Any]:
        return postgresql.database(self._url) | {"NAME": name}

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
