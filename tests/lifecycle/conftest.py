"""The fixtures of the lifecycle tests: a stage on each database, and worker processes on it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.databases import PostgresqlMold, SqliteMold, sqlite_database
from tests.lifecycle.own_postgresql import IMMEDIATE, OwnPostgresql
from tests.lifecycle.stage import Stage, migrate, opened
from tests.lifecycle.workers import Workers

MOLDS: dict[str, Any] = {"sqlite": SqliteMold, "postgresql": PostgresqlMold}
OWN = "own_postgresql"
SMALL_DISK = "small_disk"
SMALL = 8 * 1024 * 1024


class _Molds:
    """The databases that stages are copied from, made when a test first wants one."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def get(self, vendor: str, directory: Path, settings: Any) -> Any:
        if vendor not in self._made:
            self._made[vendor] = MOLDS[vendor](directory, settings)
        return self._made[vendor]

    def close(self) -> None:
        for mold in self._made.values():
            mold.close()


@pytest.fixture(scope="session")
def molds() -> Iterator[_Molds]:
    made = _Molds()
    yield made
    made.close()


@pytest.fixture(params=MOLDS)
def stage(
    request: pytest.FixtureRequest,
    molds: _Molds,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    settings: Any,
    django_db_blocker: Any,
) -> Iterator[Stage]:
    """A database of its own, on each of the databases there are.

    Parametrized with `own_postgresql` it is on a server of its own, with `small_disk` it is an
    SQLite file on a file system that is easily filled.
    """
    with django_db_blocker.unblock():
        if request.param in {OWN, SMALL_DISK}:
            database = _fresh_database(request)
            with opened(database, tmp_path, settings) as made:
                migrate()
                yield made
            return
        mold = molds.get(request.param, tmp_path_factory.mktemp("mold"), settings)
        with mold.copied(tmp_path) as database, opened(database, tmp_path, settings) as made:
            yield made


def _fresh_database(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == SMALL_DISK:
        return sqlite_database(request.getfixturevalue("small_disk") / "jobs.sqlite3")
    server: OwnPostgresql = request.getfixturevalue("own_postgresql")
    return server.database


@pytest.fixture
def own_postgresql() -> Iterator[OwnPostgresql]:
    """A running PostgreSQL server that the test may break."""
    server = OwnPostgresql()
    server.start()
    yield server
    server.stop(IMMEDIATE)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes, where this user may mount one."""
    directory = tmp_path / "disk"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(directory)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("Mounting a small file system takes root; the tests beside this one do not.")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def workers(stage: Stage) -> Iterator[Workers]:
    """Starts worker processes on the stage; none outlives the test."""
    made = Workers(stage)
    yield made
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    made = getattr(item, "funcargs", {}).get("workers")
    if made is not None and report.when == "call" and report.failed:
        report.sections.extend((f"log of {name}", log) for name, log in made.logs())
    return report
