"""The server has no connection left while a dead child is to be buried: everybody waits."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import psycopg
import pytest

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.own_postgresql import OwnPostgresql
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers, is_there

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.parametrize("stage", ["own_postgresql"], indirect=True),
]

BOUND = 5.0
EXHAUSTED_FOR = 2.0
REFUSED = "too many clients already"


class Hoarder:
    """Takes every connection that the server has left, those that become free too."""

    def __init__(self, url: str) -> None:
        self.is_full = threading.Event()
        self._url = url
        self._held: list[psycopg.Connection] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._hoard, name="hoarder", daemon=True)
        self._thread.start()

    def wait_full(self) -> None:
        """Wait until the server refuses another connection, from now on."""
        self.is_full.clear()
        assert self.is_full.wait(20), "The server went on to accept connections."

    def release(self) -> None:
        """Close what is held."""
        self._is_over.set()
        self._thread.join(20)
        while self._held:
            self._held.pop().close()

    def _hoard(self) -> None:
        while not self._is_over.is_set():
            try:
                self._held.append(psycopg.connect(self._url))
            except psycopg.OperationalError:
                self.is_full.set()
                self._is_over.wait(0.02)


@pytest.fixture
def hoarder(own_postgresql: OwnPostgresql, stage: Stage) -> Iterator[Callable[[], Hoarder]]:
    made: list[Hoarder] = []

    def start() -> Hoarder:
        made.append(Hoarder(own_postgresql.url))
        return made[-1]

    yield start
    for each in made:
        each.release()


def test_a_server_without_connections_ends_no_process_and_delays_a_burial(
    stage: Stage,
    workers: Workers,
    hoarder: Callable[[], Hoarder],
    record_property: Callable[[str, object], None],
) -> None:
    stage.use(LEASE=30.0)
    gate = stage.path("gate")
    other = workers.start_working("--threads", "2", "--queues", "other")
    victim = workers.start_working("--threads", "2", "--queues", "default")
    stage.enqueue_acked(tasks.work.using(queue_name="other"), [(0.02,)] * 600)
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 2)
    wait_until(lambda: _started_in(stage, victim) == 2, timeout=20, what="both to start")
    survivor, dead = other.child, victim.child

    hoard = hoarder()
    hoard.wait_full()
    _kill_while_its_supervisor_stands_still(victim, dead)
    hoard.wait_full()
    victim.thaw()
    victim.wait_for_log(REFUSED)
    working = stage.journal.count("accepted")
    threading.Event().wait(EXHAUSTED_FOR)
    # Who has its connections goes on with them.
    assert stage.journal.count("accepted") > working
    assert _started_in(stage, victim) == 2

    gate.touch()
    hoard.release()
    released_at = monotonic()
    wait_until(lambda: _started_in(stage, victim) > 2, timeout=30, what="the jobs to run again")
    recovered = monotonic() - released_at
    stage.wait_all_ended()

    record_property("working again after", round(recovered, 2))
    assert recovered < BOUND
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert other.child == survivor
    assert {record.lost for record in stage.records()} == {0}
    ledger = ledger_of(stage, disturbed={dead})
    ledger.assert_sound()
    assert len(ledger.duplicates) == 2
    assert not any("Traceback" in worker.log for worker in (other, victim))
    assert [worker.stop() for worker in (other, victim)] == [0, 0]


def _kill_while_its_supervisor_stands_still(worker: RealWorker, child: int) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: not is_there(child), what="the child to be dead")


def _started_in(stage: Stage, worker: RealWorker) -> int:
    return sum(event.group == worker.pid for event in stage.journal.events("start"))
