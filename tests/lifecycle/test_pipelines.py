"""A pipeline whose workers are killed runs each step, in order, none twice in the store."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from django_taskq import PipelineRun, chain, group
from django_taskq.jobs.states import State
from tests.lifecycle import tasks
from tests.lifecycle.kills import kill_a_child
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = pytest.mark.lifecycle

SECONDS = 0.005


@pytest.mark.parametrize(
    ("width", "pause"),
    [
        pytest.param(30, 0.5),
        pytest.param(500, 1.0, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
def test_diamonds_and_a_map_survive_workers_that_are_killed_at_random(
    stage: Stage, workers: Workers, width: int, pause: float
) -> None:
    stage.use(LEASE=2.0, MAX_LOST=100)
    step = tasks.work.s(SECONDS)
    diamonds = group([chain(step, group(step, step), step) for _ in range(width)])
    items = [SECONDS] * width
    mapped = tasks.give.s(items) >> tasks.work.map() >> tasks.count.using(task_id="join")
    run = (diamonds | mapped).enqueue()
    worker = workers.start_working("--threads", "4", "--processes", "2")
    with killing(worker, random.Random(width), pause):
        stage.wait_all_ended(timeout=400.0)
    run.refresh()
    assert run.status == "SUCCESSFUL"
    assert run.results["join"].return_value == width
    assert len(run.jobs) == 4 * width + 2 + 1 + width
    assert len({(job.node, job.map_index) for job in run.jobs}) == len(run.jobs)
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert_in_order(stage, run)


@contextmanager
def killing(worker: RealWorker, chance: random.Random, pause: float) -> Iterator[None]:
    """Kill one of a worker's children at random, again and again, while the block runs."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(pause):
            kill_a_child(worker, chance)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def assert_in_order(stage: Stage, run: PipelineRun) -> None:
    """Check that no step started before one that it waits for had done its work."""
    starts: dict[str, float] = {}
    effects: dict[str, float] = {}
    for event in stage.journal.events("start"):
        starts[event.job] = min(event.at, starts.get(event.job, event.at))
    for event in stage.journal.events("effect"):
        effects[event.job] = min(event.at, effects.get(event.job, event.at))
    nodes = {node.name: node.id for node in run.graph().nodes}
    edges = [(nodes[before], nodes[after]) for before, after in run.graph().edges]
    told = [(before, after) for before, after in edges if before in effects and after in starts]
    assert len(told) >= len(run.graph().edges) - 2
    assert [edge for edge in told if effects[edge[0]] > starts[edge[1]]] == []
