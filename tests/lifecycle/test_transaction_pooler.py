"""A transaction pooler in between: jobs are done without an error, found by the poll at the latest.

LISTEN has no effect there: what is notified comes on a connection that is another client's.
"""

import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.pooler import Pooler
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.parametrize("stage", ["postgresql"], indirect=True),
]

SERVER_CONNECTIONS = 4
POLL_INTERVAL = 0.7
SLACK = 5.0
LONE_JOBS = 4


@pytest.fixture
def pooler(stage: Stage) -> Iterator[Pooler]:
    made = Pooler(int(stage.database["PORT"]), SERVER_CONNECTIONS)
    yield made
    made.close()


def test_workers_and_web_processes_behind_a_transaction_pooler(
    stage: Stage,
    workers: Workers,
    pooler: Pooler,
    record_property: Callable[[str, object], None],
) -> None:
    through = stage.database | {
        "HOST": "127.0.0.1",
        "PORT": str(pooler.port),
        # As Django's documentation asks for; statements are prepared only where that is set.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
    web = ("tests.lifecycle.web_writer",)
    _make_page(stage)
    both = [
        workers.start_working(
            "--threads", "4", "--poll-interval", str(POLL_INTERVAL), database=through
        )
        for _ in range(2)
    ]
    writers = [workers.start("1.5", program=web, database=through) for _ in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    stage.enqueue_acked(tasks.hold_connection, [(str(stage.directory),)] * 20)
    stage.wait_all_ended()
    delays = [_delay_of_a_lone_job(stage) for _ in range(LONE_JOBS)]

    record_property("jobs", len(stage.records()))
    record_property("longest pickup", round(max(delays), 2))
    record_property("swaps", pooler.swaps)
    assert max(delays) < POLL_INTERVAL + SLACK
    assert pooler.clients > 2 * SERVER_CONNECTIONS
    assert pooler.swaps > 100
    assert not stage.journal.events("error")
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    for worker in both:
        assert worker.stop() == 0
        assert "Traceback" not in worker.log
        assert "again" not in worker.log
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert ledger.committed > 100


def _make_page(stage: Stage) -> None:
    """Make the table of the web processes."""
    from django.db import connections

    with connections["stage"].cursor() as cursor:
        cursor.execute("CREATE TABLE page (writer INTEGER, number INTEGER)")


def _delay_of_a_lone_job(stage: Stage) -> float:
    """Return how long after its enqueue a job starts while all workers sleep."""
    threading.Event().wait(0.3)
    enqueued_at = monotonic()
    (id,) = stage.enqueue_acked(tasks.work, [()])
    started_at = wait_until(
        lambda: next((e.at for e in stage.journal.events("start") if e.job == id), None),
        what="the lone job to start",
    )
    return started_at - enqueued_at
