"""No two processes of a family hold the same connection, and a supervisor holds none."""

import os
import signal
from itertools import combinations
from pathlib import Path

import psutil
import pytest

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.parametrize("stage", ["postgresql"], indirect=True),
]

METHODS = ("fork", "spawn", "forkserver")


@pytest.mark.parametrize("method", METHODS)
def test_children_share_no_connection_and_their_supervisor_has_none(
    stage: Stage, workers: Workers, method: str
) -> None:
    stage.use(LEASE=30.0)
    gate = stage.path("gate")
    worker = workers.start("--processes", "2", "--threads", "2", "--start-method", method)
    stage.enqueue_acked(tasks.hold_connection, [(str(gate),)] * 20)
    _watch(stage, worker, until_started=4)
    # The errand that buries one, its successor and the solo ones start beside open connections.
    os.kill(_one_with_jobs(stage), signal.SIGKILL)
    _watch(stage, worker, until_started=5)
    gate.touch()
    stage.wait_all_ended()

    _check_disjoint(_sockets(stage, worker))
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert worker.stop() == 0


@pytest.mark.parametrize("method", METHODS)
def test_children_of_a_process_pool_share_no_connection_with_their_parent(
    stage: Stage, workers: Workers, method: str
) -> None:
    gate = stage.path("gate")
    program = ("tests.lifecycle.pool_parent",)
    parent = workers.start(method, str(gate), program=program)
    wait_until(lambda: stage.journal.count("start") == 2, timeout=40, what="both to start")
    wait_until(lambda: len(_sockets(stage, parent)) == 3, what="both to connect")

    found = _sockets(stage, parent)
    _check_disjoint(found)
    assert len(found[parent.pid]) == 2
    gate.touch()
    assert parent.wait() == 0


def _watch(stage: Stage, worker: RealWorker, *, until_started: int) -> None:
    """Look at the connections of the family again and again until so many attempts started."""

    def have_started() -> bool:
        found = _sockets(stage, worker)
        _check_disjoint(found)
        assert worker.pid not in found, "The supervisor holds a connection to the database."
        return stage.journal.count("start") >= until_started

    wait_until(have_started, timeout=40, what=f"{until_started} attempts to start")
    assert len(_sockets(stage, worker)) >= 2


def _check_disjoint(found: dict[int, set[str]]) -> None:
    for (one, its), (other, others) in combinations(found.items(), 2):
        assert not its & others, f"Processes {one} and {other} share {its & others}."


def _sockets(stage: Stage, worker: RealWorker) -> dict[int, set[str]]:
    """Return by pid the sockets to the database that processes of a worker's group hold."""
    port = int(stage.database["PORT"])
    found = {}
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) != worker.pid:
                continue
            held = {
                str(Path(f"/proc/{process.pid}/fd/{connection.fd}").readlink())
                for connection in process.net_connections("tcp")
                if connection.raddr and connection.raddr.port == port
            }
        except (OSError, psutil.Error):
            # It ended, or closed one, while we looked: the next look sees what is.
            continue
        if held:
            found[process.pid] = held
    return found


def _one_with_jobs(stage: Stage) -> int:
    return stage.journal.events("start")[0].pid
