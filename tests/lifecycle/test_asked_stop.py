"""A worker that an operator asks to stop: its whole `runworker` ends as by SIGTERM, exit 0."""

from signal import SIGTERM
from time import monotonic

import pytest
from django.core.management import CommandError, call_command

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = pytest.mark.lifecycle

LEASE = 3.0
# A heartbeat hears of it at the latest, beside what a busy machine may need on top.
HEARD_WITHIN = LEASE / 3 + 5.0


@pytest.fixture
def brief(stage: Stage) -> Stage:
    """A stage whose workers beat each second."""
    stage.use(LEASE=LEASE)
    return stage


def start(workers: Workers, *arguments: str) -> RealWorker:
    return workers.start_working("--grace", "20", *arguments)


def test_it_finishes_what_runs_gives_back_the_rest_and_is_not_replaced(
    brief: Stage, workers: Workers
) -> None:
    asked = start(workers, "--threads", "2", "--name", "asked", "--processes", "2")
    wait_until(lambda: len(brief.store.insights().workers) == 2, what="both processes to join")
    running = brief.enqueue_acked(tasks.work, [(3.0,)] * 4)
    brief.wait_started(4)
    gate = brief.path("gate")
    waiting = brief.enqueue_acked(tasks.block, [(str(gate),)] * 20)

    # One of its workers is enough: a half of it would be of no use to who asks.
    one = brief.store.insights().workers[0].id
    assert brief.store.ask_stop([one]) == [one]
    at = monotonic()
    assert asked.wait() == 0
    assert monotonic() - at < 3.0 + HEARD_WITHIN

    assert "has asked a worker of process" in asked.log
    assert {record.state for record in brief.store.get(running)} == {State.SUCCESSFUL}
    left = brief.store.get(waiting)
    assert {(record.state, record.tries) for record in left} == {(State.READY, 0)}
    assert not brief.store.insights().workers

    gate.touch()
    start(workers, "--threads", "10")
    brief.wait_all_ended()
    ledger_of(brief).assert_sound()


def test_the_command_stops_workers_by_the_name_that_they_were_given(
    brief: Stage, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = start(workers, "--name", "first"), start(workers, "--name", "second")

    call_command("taskq", "stop", "first")
    assert "first:" in capsys.readouterr().out
    assert first.wait() == 0
    assert second.is_running
    with pytest.raises(CommandError, match="No live worker has the name 'first'"):
        call_command("taskq", "stop", "first")
    assert second.is_running
    assert second.stop() == 0


def test_a_signal_after_it_is_the_first_one(brief: Stage, workers: Workers) -> None:
    worker = start(workers, "--threads", "1")
    ids = brief.enqueue_acked(tasks.work, [(4.0,)])
    brief.wait_started(1)
    brief.store.ask_stop([brief.store.insights().workers[0].id])
    worker.wait_for_log("Stopping")

    # As a service manager sends it that is told to stop the unit in the meantime.
    worker.signal(SIGTERM)
    assert worker.wait() == 0
    assert brief.store.get(ids)[0].state == State.SUCCESSFUL
