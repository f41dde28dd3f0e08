"""The disk of an SQLite file is full: enqueues raise, outcomes wait, and nothing is half done."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from django_taskq.jobs.states import State
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

BIG = "x" * 20_000


@pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
def test_an_enqueue_that_finds_no_room_raises_and_stores_nothing(stage: Stage) -> None:
    (kept,) = stage.enqueue_acked(tasks.work, [()])
    _limit_pages(stage, room=50)

    for attempt in range(3):
        with pytest.raises(DatabaseError, match="full"):
            tasks.work.enqueue_many([((), {"token": BIG})] * 100)
        assert [record.id for record in stage.records()] == [kept], attempt
    with pytest.raises(DatabaseError, match="full"), transaction.atomic(using=ALIAS):
        _enqueue_big(100)
    assert [record.id for record in stage.records()] == [kept]
    # What is small enough still goes in.
    stage.enqueue_acked(tasks.work, [()])

    _limit_pages(stage, room=1_000_000)
    assert len(stage.enqueue_acked(tasks.work, [()] * 100)) == 100
    assert len(stage.records()) == 102
    assert _integrity(stage.database) == "ok"


@pytest.mark.parametrize("stage", ["small_disk"], indirect=True)
def test_workers_keep_outcomes_until_there_is_room_again(stage: Stage, workers: Workers) -> None:
    gate = stage.path("gate")
    ballast = Path(stage.database["NAME"]).with_name("ballast")
    worker = workers.start_working("--threads", "4", "--poll-interval", "0.2")
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 4)
    stage.wait_started(4)
    waiting = stage.enqueue_acked(tasks.work, [()] * 50)
    with closing(sqlite3.connect(stage.database["NAME"])) as connection:
        # What the log has room for needs none on the disk.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    _fill(ballast)
    count = len(stage.records())
    with pytest.raises(DatabaseError):
        tasks.work.enqueue_many([((), {"token": BIG})] * 100)
    assert len(stage.records()) == count
    gate.touch()
    worker.wait_for_log("wait in memory")
    assert stage.count(State.SUCCESSFUL) == 0

    ballast.unlink()
    stage.wait_all_ended()
    assert {record.state for record in stage.store.get(waiting)} == {State.SUCCESSFUL}
    stage.enqueue_acked(tasks.work, [()] * 50)
    stage.wait_all_ended()
    assert worker.stop() == 0
    assert "Traceback" not in worker.log
    assert not stage.journal.count("refused")
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert _integrity(stage.database) == "ok"


def _enqueue_big(count: int) -> None:
    for _ in range(count):
        tasks.work.enqueue(token=BIG)


def _limit_pages(stage: Stage, *, room: int) -> None:
    """Let the file grow by some pages only, as this process's connection sees it."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages + room}")


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def _integrity(database: dict[str, Any]) -> str:
    with closing(sqlite3.connect(database["NAME"])) as connection:
        result: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return result
