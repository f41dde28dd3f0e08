"""Pools of one process work apart from each other."""

import pytest

from django_taskq.jobs.states import Failure, State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

# What has nothing to do with the database is proved on one.
on_one_database = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
POOLS = {
    "stuck": {"queues": ["a"], "threads": 2, "async_concurrency": 5},
    "free": {"queues": ["b"], "threads": 2, "async_concurrency": 5},
}


@on_one_database
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_goes_on_while_the_threads_and_the_event_loop_of_another_are_blocked(
    stage: Stage, workers: Workers, method: str
) -> None:
    gate = str(stage.path("gate"))
    stage.pools = POOLS
    worker = workers.start_working("stuck", "free", "--start-method", method)
    blocked = [tasks.block_async_side, tasks.block, tasks.block]
    for number, task in enumerate(blocked, 1):
        stage.enqueue_acked(task.using(queue_name="a"), [(gate,)])
        stage.wait_started(number)

    free = []
    for task in (tasks.work, tasks.awork, tasks.ask_sync_side):
        free += stage.enqueue_acked(task.using(queue_name="b"), [()] * 10)
    wait_until(
        lambda: all(record.is_ended for record in stage.store.get(free)),
        what="the jobs of the other pool",
    )
    assert stage.count(State.RUNNING) == 3
    assert len({event.pid for event in stage.journal.events("start")}) == 1
    assert {pool_of(event.worker) for event in stage.journal.events("effect")} == {"free"}

    stage.path("gate").touch()
    stage.wait_all_ended()
    assert stage.count(State.SUCCESSFUL) == 33
    assert worker.stop() == 0
    assert "Done: 33 attempts" in worker.log


@on_one_database
def test_suspects_of_a_pool_run_alone_in_that_pool(stage: Stage, workers: Workers) -> None:
    gate = stage.path("gate")
    stage.pools = POOLS
    worker = workers.start_working("stuck", "free")
    (innocent,) = stage.enqueue_acked(tasks.block.using(queue_name="b"), [(str(gate),)])
    stage.wait_started(1)
    (guilty,) = stage.enqueue_acked(tasks.break_down.using(queue_name="a"), [("kill",)])
    wait_until(lambda: stage.store.get([guilty])[0].is_ended, timeout=30, what="the verdict")
    gate.touch()
    stage.wait_all_ended()

    lost, done = stage.store.get([guilty, innocent])
    assert (lost.state, lost.failure, lost.lost) == (State.FAILED, Failure.LOST, 3)
    assert (done.state, done.attempt) == (State.SUCCESSFUL, 2)
    assert {pool_of(id) for id in done.worker_ids} == {"free"}
    starts = [event for event in stage.journal.events("start") if event.job == guilty]
    assert {pool_of(event.worker) for event in starts} == {"stuck"}
    assert worker.stop() == 0


def pool_of(worker_id: str) -> str:
    """Return the pool that the id of a worker names."""
    return worker_id.rpartition("/")[2].partition(":")[0]
