"""Fresh databases to measure in, each a copy of one in which a peer has made its tables.

Redis is emptied instead, since nothing of it is copied.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from redis import Redis

from tests import servers
from tests.benchmarks.place import Kind, Place
from tests.servers import valkey

DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


class Databases:
    """Makes and removes databases of every kind; the PostgreSQL server ends with this process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = count(1)

    @contextmanager
    def empty(self, kind: Kind) -> Iterator[Place]:
        """Give an empty database for as long as it is needed."""
        place = self._place(kind)
        if kind == "postgresql":
            self._execute(f"CREATE DATABASE {place.name}")
        self._empty(place)
        yield place
        self._remove(place)

    @contextmanager
    def copy(self, original: Place) -> Iterator[Place]:
        """Give a copy of a database that nobody is connected to."""
        place = self._place(original.kind)
        if place.kind == "postgresql":
            # Copying files is quick at any size, and its checkpoint is over before the step.
            self._execute(
                f"CREATE DATABASE {place.name} TEMPLATE {original.name} STRATEGY FILE_COPY"
            )
        elif place.kind in ("sqlite", "redis"):
            for path in filter(Path.exists, _files(original)):
                shutil.copy(path, place.name + path.name.removeprefix(Path(original.name).name))
        self._empty(place)
        yield place
        self._remove(place)

    def describe(self) -> dict[str, str]:
        """Return the servers in use and what PostgreSQL promises about durability."""
        with psycopg.connect(servers.url_of("postgresql")) as connection:
            names = ("server_version", *DURABILITY)
            rows = {name: connection.execute(f"SHOW {name}").fetchone() for name in names}
        known = {name: str(row[0]) for name, row in rows.items() if row}
        return known | {"redis": valkey.version(servers.url_of("valkey"))}

    def _place(self, kind: Kind) -> Place:
        name = f"benchmark_{next(self._numbers)}"
        if kind in ("memory", "processes"):
            return Place(kind)
        if kind == "sqlite":
            return Place(kind, str(self._directory / f"{name}.sqlite3"))
        if kind == "redis":
            url = urlsplit(servers.url_of("valkey"))
            file = str(self._directory / f"{name}.sqlite3")
            return Place(kind, file, url.hostname or "", url.port or 6379)
        url = urlsplit(servers.url_of("postgresql"))
        return Place(kind, name, url.hostname or "", url.port or 5432, url.username or "")

    def _remove(self, place: Place) -> None:
        if place.kind == "postgresql":
            self._execute(f"DROP DATABASE {place.name} WITH (FORCE)")
        elif place.kind in ("sqlite", "redis"):
            for path in _files(place):
                path.unlink(missing_ok=True)
        self._empty(place)

    @staticmethod
    def _empty(place: Place) -> None:
        if place.kind == "redis":
            with Redis(host=place.host, port=place.port) as client:
                client.flushall(asynchronous=False)

    @staticmethod
    def _execute(statement: str) -> None:
        with psycopg.connect(servers.url_of("postgresql"), autocommit=True) as connection:
            connection.execute(statement)


def _files(place: Place) -> list[Path]:
    """Return the files an SQLite database may consist of."""
    return [Path(place.name + suffix) for suffix in ("", "-wal", "-shm")]
