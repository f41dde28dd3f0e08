"""The stage of a lifecycle test: a database of its own, and how processes reach it."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections
from django.tasks import task_backends

from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.stores.base import Store
from tests.deadlines import wait_until
from tests.lifecycle.journal import DIRECTORY_VARIABLE, Journal
from tests.servers import NAMES_VARIABLE, ROOT

ALIAS = "stage"
ALL = 10_000_000
LOOK_EVERY = 0.05


class Stage:
    """A migrated database under the alias `stage`, TASKS that point to it, and a journal.

    `vendor` says what the database is, `pools` what processes find in TASKQ["WORKERS"]. Tests act
    as a web process would, through the store's contract or Django's API; the processes they start
    get `environment()`.
    """

    def __init__(self, database: dict[str, Any], directory: Path, settings: Any) -> None:
        self.database = database
        self.directory = directory
        self.backend = "django_taskq.backends.DatabaseBackend"
        self.caches: dict[str, Any] = {}
        self.options: dict[str, Any] = {"DATABASE": ALIAS}
        self.pools: dict[str, dict[str, Any]] = {}
        self.journal = Journal(directory / "journal")
        self.journal.directory.mkdir()
        self._settings = settings

    @property
    def vendor(self) -> str:
        """What sort of database this is."""
        return connections[ALIAS].vendor

    @property
    def store(self) -> Store:
        """The store of this process."""
        store: Store = task_backends["default"].store
        return store

    def use(self, **options: Any) -> None:
        """Set OPTIONS, here and for processes started from now on."""
        self.options |= options
        self._settings.TASKS = self._tasks()

    def environment(self, database: dict[str, Any] | None = None) -> dict[str, str]:
        """Return the environment of a child; `database` leads it another way to the same data."""
        given = {
            "database": database or self.database,
            "tasks": self._tasks(),
            "pools": self.pools,
            "caches": self.caches,
        }
        python_path = [str(ROOT), os.environ.get("PYTHONPATH")]
        return {
            **{name: value for name, value in os.environ.items() if name != NAMES_VARIABLE},
            "DJANGO_SETTINGS_MODULE": "tests.lifecycle.settings",
            "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
            "TASKQ_LIFECYCLE": json.dumps(given, default=str),
            DIRECTORY_VARIABLE: str(self.journal.directory),
        }

    def path(self, name: str) -> Path:
        """Return a path of this test alone."""
        return self.directory / name

    def records(self, state: str | None = None) -> list[JobRecord]:
        """Return all jobs, or those of one state."""
        return self.store.find(JobFilter(state=state, limit=ALL))

    def count(self, *states: str) -> int:
        """Return how many jobs are in these states."""
        return sum(record.state in states for record in self.records())

    def unended(self) -> int:
        """Return how many jobs have not come to an end."""
        return sum(not record.is_ended for record in self.records())

    def wait_all_ended(self, timeout: float = 60.0) -> None:
        """Wait until no job is left to do."""
        pause = threading.Event()

        def have_ended() -> bool:
            # Looking costs the machine as much as a worker does.
            pause.wait(LOOK_EVERY)
            # The first is cheap but counts one state after the other, and may miss a job that
            # moves meanwhile; the second is one look.
            return not self.store.insights().depth() and not self.unended()

        try:
            wait_until(have_ended, timeout=timeout, what="all jobs to come to their end")
        except AssertionError as error:
            left = [record for record in self.records() if not record.is_ended]
            raise AssertionError(f"{error} {len(left)} are left: {left[:5]}") from None

    def wait_started(self, count: int, timeout: float = 30.0) -> None:
        """Wait until this many attempts have started in all."""
        wait_until(
            lambda: self.journal.count("start") >= count,
            timeout=timeout,
            what=f"{count} attempts to start",
        )

    def wait_noted(self, count: int, timeout: float = 30.0) -> None:
        """Wait until the store knows of this many running jobs that they have started."""

        def are_noted() -> bool:
            running = self.records(State.RUNNING)
            return sum(record.started_at is not None for record in running) >= count

        wait_until(are_noted, timeout=timeout, what=f"the start of {count} jobs to be noted")

    def worker_of(self, pid: int) -> WorkerRecord:
        """Return the row of the worker under the supervisor with this pid, its latest one."""

        def rows() -> list[WorkerRecord]:
            return [
                worker for worker in self.store.insights().workers if worker.supervisor_pid == pid
            ]

        wait_until(rows, timeout=20, what=f"the worker of supervisor {pid} to join")
        return max(rows(), key=lambda worker: worker.started_at)

    def enqueue_acked(self, task: Any, calls: list[tuple[Any, ...]]) -> list[str]:
        """Enqueue calls in one transaction and note in the journal that they are committed."""
        ids = [result.id for result in task.enqueue_many((args, {}) for args in calls)]
        for id in ids:
            self.journal.write("acked", id)
        return ids

    def _tasks(self) -> dict[str, Any]:
        return {
            "default": {
                "BACKEND": self.backend,
                "QUEUES": [],
                "OPTIONS": self.options,
            }
        }


@contextmanager
def opened(database: dict[str, Any], directory: Path, settings: Any) -> Iterator[Stage]:
    """Give this process the alias `stage` for a while. Expects database access to be allowed."""
    made = connections.configure_settings({"default": {}, ALIAS: dict(database)})
    connections.settings[ALIAS] = made[ALIAS]
    stage = Stage(database, directory, settings)
    try:
        stage.use()
        yield stage
    finally:
        stage.journal.close()
        task_backends["default"].store.close()
        with suppress(Exception):
            connections[ALIAS].close()
        del connections[ALIAS]
        del connections.settings[ALIAS]


def migrate() -> None:
    """Make the tables of django_taskq in the database of the stage."""
    call_command("migrate", "django_taskq", database=ALIAS, verbosity=0)


@contextmanager
def led_through(port: int) -> Iterator[None]:
    """Lead this process's connection to the stage through another port for a while."""
    entry = connections[ALIAS].settings_dict
    own = entry["PORT"]
    connections[ALIAS].close()
    entry["PORT"] = str(port)
    try:
        yield
    finally:
        connections[ALIAS].close()
        entry["PORT"] = own
