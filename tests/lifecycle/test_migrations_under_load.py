"""F32: migrations go down and up again while workers run and others enqueue."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction

from django_taskq.jobs.states import State
from django_taskq.models import Job
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

PAUSE = 0.02
BEFORE = "0002_tuning"
# What the first release writes into the row of a job.
FIRST_COLUMNS = (
    "public_id", "enqueued_at", "rank", "priority", "band", "is_parked", "is_blocked", "backend",
    "task", "queue", "tenant", "args", "kwargs", "eligible_at", "attempt", "state", "tries", "lost",
)  # fmt: skip


class Producer:
    """Enqueues and reads, one after the other, whatever becomes of the tables meanwhile."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.acked = 0
        self.refused = 0
        self.longest = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def wait_more(self, count: int) -> None:
        """Wait until so many more calls are committed."""
        wanted = self.acked + count
        wait_until(lambda: self.acked >= wanted, timeout=60, what=f"{count} more jobs")

    def _work(self) -> None:
        try:
            while not self._stop.wait(PAUSE):
                self._enqueue()
        finally:
            connections[ALIAS].close()

    def _enqueue(self) -> None:
        token = str(self.acked + self.refused)
        try:
            result = tasks.work.enqueue(token=token)
        except DatabaseError:
            self._stage.journal.write("unknown", note=token)
            self.refused += 1
            connections[ALIAS].close()
        else:
            self._stage.journal.write("acked", result.id)
            self.acked += 1


@contextmanager
def producing(stage: Stage) -> Iterator[Producer]:
    producer = Producer(stage)
    producer.start()
    try:
        yield producer
    finally:
        producer.stop()


def migrate(name: str | None = None) -> None:
    """Bring the tables to a migration, or to the last."""
    arguments = ["django_taskq"] if name is None else ["django_taskq", name]
    call_command("migrate", *arguments, database=ALIAS, verbosity=0)


def again_and_again(change: Callable[[], None]) -> None:
    """Do what another transaction may be in the way of, as whoever deploys does."""

    def is_done() -> bool:
        try:
            change()
        except DatabaseError:
            connections[ALIAS].close()
            return False
        return True

    wait_until(is_done, timeout=60, what="the migration to get through")


def enqueue_as_the_first_release(stage: Stage) -> str:
    """Insert a job with the columns of the first migration alone; return its id."""
    connection = connections[ALIAS]
    id, now = uuid.uuid4(), datetime.now(UTC)
    adapt = connection.ops.adapt_datetimefield_value
    values: dict[str, Any] = {
        "public_id": id if connection.features.has_native_uuid_field else id.hex,
        "enqueued_at": adapt(now), "rank": 0, "priority": 0, "band": 1, "is_parked": False,
        "is_blocked": False, "backend": "default", "task": "tests.lifecycle.tasks.work",
        "queue": "default", "tenant": "", "args": "[]", "kwargs": "{}", "eligible_at": adapt(now),
        "attempt": 0, "state": "READY", "tries": 0, "lost": 0,
    }  # fmt: skip
    assert tuple(values) == FIRST_COLUMNS
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO taskq_job ({', '.join(values)})"
            f" VALUES ({', '.join(['%s'] * len(values))})",
            list(values.values()),
        )
    stage.journal.write("acked", str(id))
    return str(id)


def test_workers_survive_migrations_down_and_up_and_nothing_is_lost(
    stage: Stage, workers: Workers
) -> None:
    worker = workers.start_working("--poll-interval", "0.2")
    child = worker.child
    older: list[str] = []
    with producing(stage) as producer:
        producer.wait_more(20)
        for _ in range(2):
            again_and_again(lambda: migrate(BEFORE))
            older += [enqueue_as_the_first_release(stage) for _ in range(5)]
            refused = producer.refused
            wait_until(
                lambda refused=refused: producer.refused > refused,
                timeout=60,
                what="the producer to meet the tables of before",
            )
            again_and_again(migrate)
            # Statements that failed are made again, by the same processes.
            producer.wait_more(20)
    stage.wait_all_ended(timeout=90)

    assert worker.is_running
    assert worker.child == child
    ledger_of(stage).assert_sound()
    assert stage.count(State.SUCCESSFUL) == len(stage.records())
    assert {job.state for job in stage.store.get(older)} == {State.SUCCESSFUL}
    assert worker.stop() == 0


class Aside[T]:
    """A call in a thread of its own, with a connection of its own."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def finish(self) -> None:
        """Wait for the end; raise what the function raised."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._function()
        except BaseException as error:
            self._error = error
        finally:
            connections[ALIAS].close()


@contextmanager
def an_open_transaction(stage: Stage) -> Iterator[None]:
    """Have a transaction open that has written a job; it is committed in the end."""
    has_written, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(ALIAS):
            enqueue_as_the_first_release(stage)
            has_written.set()
            assert may_end.wait(60)

    held = Aside(hold)
    assert has_written.wait(30)
    try:
        yield
    finally:
        may_end.set()
        held.finish()


def is_waiting(statement: str) -> bool:
    """Tell whether a statement waits for others."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE %s AND wait_event_type = 'Lock'",
            [f"{statement}%"],
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_an_index_is_made_beside_writers(stage: Stage) -> None:
    migrate("0003_limits")
    with an_open_transaction(stage):
        migrating = Aside(migrate)
        wait_until(
            lambda: is_waiting("CREATE INDEX CONCURRENTLY"),
            timeout=30,
            what="the index to wait for the transaction",
        )
        Aside(lambda: enqueue_as_the_first_release(stage)).finish()
        assert migrating.is_running
    migrating.finish()
    assert "taskq_job_lanes" in indexes()
    assert "taskq_job_ready" not in indexes()


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_a_new_column_lets_others_pass_while_it_waits_for_a_long_transaction(
    stage: Stage,
) -> None:
    migrate(BEFORE)
    with an_open_transaction(stage):
        migrating = Aside(migrate)
        for _ in range(2):
            wait_until(lambda: is_waiting("LOCK TABLE"), timeout=30, what="the lock to be wanted")
            Aside(lambda: enqueue_as_the_first_release(stage)).finish()
        assert migrating.is_running
    migrating.finish()
    assert len(stage.records()) == 3


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_an_index_that_was_interrupted_is_made_anew(stage: Stage) -> None:
    migrate("0003_limits")
    with connections[ALIAS].cursor() as cursor:
        # What a broken-off CREATE INDEX CONCURRENTLY leaves.
        cursor.execute("CREATE INDEX taskq_job_lanes ON taskq_job (backend)")
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'taskq_job_lanes'::regclass"
        )
    migrate()
    assert indexes()["taskq_job_lanes"]["columns"][:4] == ["backend", "queue", "band", "gate"]


def test_a_migration_that_was_interrupted_goes_on_where_it_was(stage: Stage) -> None:
    migrate("0003_limits")
    lanes = next(index for index in Job._meta.indexes if index.name == "taskq_job_lanes")
    with connections[ALIAS].schema_editor(atomic=False) as editor:
        editor.add_index(Job, lanes)
    migrate()
    assert "taskq_job_lanes" in indexes()
    assert "taskq_job_ready" not in indexes()


def indexes() -> Any:
    """Return the constraints and indexes of the jobs' table by name."""
    connection = connections[ALIAS]
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, "taskq_job")
