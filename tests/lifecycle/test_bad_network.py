"""A slow link to the database that resets now and then: all is done once, and no process ends."""

import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from django.db import DatabaseError, connections

from django_taskq.jobs.states import State
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.proxy import Proxy
from tests.lifecycle.soaking import soak_seconds
from tests.lifecycle.stage import ALIAS, Stage, led_through
from tests.lifecycle.workers import Workers

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.parametrize("stage", ["postgresql"], indirect=True),
]

LATENCY = 0.05
RESET_CHANCE = 0.01
BATCH = 20


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Proxy]:
    made = Proxy(int(stage.database["PORT"]))
    yield made
    made.close()


def test_50_ms_and_resets_of_1_percent_lose_nothing(
    stage: Stage,
    workers: Workers,
    proxy: Proxy,
    record_property: Callable[[str, object], None],
) -> None:
    _work_over_a_bad_link(stage, workers, proxy, record_property, seconds=2.5)


@pytest.mark.soak
def test_50_ms_and_resets_of_1_percent_for_long_lose_nothing(
    stage: Stage,
    workers: Workers,
    proxy: Proxy,
    record_property: Callable[[str, object], None],
) -> None:
    _work_over_a_bad_link(stage, workers, proxy, record_property, seconds=soak_seconds())


def _work_over_a_bad_link(
    stage: Stage,
    workers: Workers,
    proxy: Proxy,
    record_property: Callable[[str, object], None],
    *,
    seconds: float,
) -> None:
    """Enqueue and work over the bad link for so long; check that each job ran once."""
    stage.use(LEASE=20.0)
    link = stage.database | {"HOST": "127.0.0.1", "PORT": str(proxy.port)}
    both = [workers.start_working("--threads", "8", database=link) for _ in range(2)]
    children = [worker.child for worker in both]
    proxy.worsen(latency=LATENCY, reset_chance=RESET_CHANCE)
    began = monotonic()
    with led_through(proxy.port):
        while monotonic() - began < seconds or proxy.resets < 5:
            _enqueue_batch(stage)
    # The link stays as it is; the test itself looks past it.
    stage.wait_all_ended(timeout=60)
    took = monotonic() - began

    record_property("jobs/s", round(len(stage.records()) / took))
    record_property("resets", proxy.resets)
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert not stage.journal.count("refused")
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert [worker.child for worker in both] == children
    assert not any("Traceback" in worker.log for worker in both)
    proxy.worsen(latency=0.0)
    assert [worker.stop() for worker in both] == [0, 0]


def _enqueue_batch(stage: Stage) -> None:
    """Enqueue some jobs in one transaction; its caller may never hear what became of it."""
    token = str(monotonic())
    try:
        results = tasks.work.enqueue_many([((0.01,), {"token": token})] * BATCH)
    except DatabaseError:
        stage.journal.write("unknown", note=token)
        connections[ALIAS].close()
        threading.Event().wait(0.1)
    else:
        for result in results:
            stage.journal.write("acked", result.id)
