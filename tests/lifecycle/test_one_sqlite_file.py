"""Four workers and a web writer share one SQLite file: nobody meets "database is locked"."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.parametrize("stage", ["sqlite"], indirect=True),
]

WORKERS = 4


@pytest.mark.parametrize(
    "seconds", [pytest.param(8.0, id="8 s"), pytest.param(20.0, id="20 s", marks=pytest.mark.soak)]
)
def test_nobody_meets_a_locked_database(
    stage: Stage,
    workers: Workers,
    seconds: float,
    record_property: Callable[[str, object], None],
) -> None:
    with closing(_connected(stage)) as connection:
        connection.execute("CREATE TABLE page (writer INTEGER, number INTEGER)")
    workers_started = [
        workers.start_working("--threads", "2", "--poll-interval", "0.2") for _ in range(WORKERS)
    ]
    writers = [workers.start(str(seconds), program=("tests.lifecycle.web_writer",))]
    stage.wait_started(20)
    _read_and_lock(stage, seconds / 4)

    assert [writer.wait(seconds + 60) for writer in writers] == [0]
    stage.wait_all_ended(timeout=60)

    record_property("jobs", len(stage.records()))
    assert not stage.journal.events("error")
    for worker in workers_started:
        assert worker.stop() == 0
        assert "locked" not in worker.log
        assert "tried again" not in worker.log
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert stage.count(State.SUCCESSFUL) == ledger.committed > 100
    with closing(_connected(stage)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_kept_locked_by_somebody_else_only_delays(stage: Stage, workers: Workers) -> None:
    worker = workers.start_working("--threads", "2", "--poll-interval", "0.1")
    with closing(_connected(stage)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        enqueued = threading.Thread(
            target=lambda: _enqueue_and_close(stage), name="waits for the lock"
        )
        enqueued.start()
        assert not stage.journal.count("acked")
        tasks.rest(3.0)
        connection.execute("ROLLBACK")
        enqueued.join(30)
    stage.wait_all_ended()

    assert worker.stop() == 0
    assert "locked" not in worker.log
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert ledger.committed == 10


def _enqueue_and_close(stage: Stage) -> None:
    from django.db import connections

    try:
        stage.enqueue_acked(tasks.work, [()] * 10)
    finally:
        connections.close_all()


def _read_and_lock(stage: Stage, seconds: float) -> None:
    """Do what other programs do with the file: read for long, and hold the write lock."""
    with closing(_connected(stage)) as reader, closing(_connected(stage)) as locker:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM taskq_job").fetchall()
        locker.execute("BEGIN IMMEDIATE")
        tasks.rest(min(2.0, seconds))
        locker.execute("ROLLBACK")
        before = stage.journal.count("accepted")
        wait_until(
            lambda: stage.journal.count("accepted") > before,
            timeout=30,
            what="work beside a reader",
        )
        tasks.rest(seconds)
        reader.execute("ROLLBACK")


def _connected(stage: Stage) -> sqlite3.Connection:
    return sqlite3.connect(stage.database["NAME"], timeout=30, isolation_level=None)
