"""A worker says of itself that its claim loop advances, and cannot say so while it hangs."""

import threading
from time import monotonic
from typing import Any

import pytest

from django_taskq.control import store_of
from tests.deadlines import wait_until
from tests.each_database import on_each_database, with_options
from tests.worker import tasks
from tests.worker.conftest import StartWorker

LEASE = 1.5


def is_late(worker: Any) -> bool:
    return bool(monotonic() > worker.progressed)


@on_each_database
def test_an_idle_worker_counts_as_advancing_until_its_next_look_is_due(
    alias: str, start_worker: StartWorker
) -> None:
    worker = start_worker(alias, poll_interval=300.0).worker
    wait_until(lambda: worker.progressed > monotonic() + 200, what="the worker to sleep")


@on_each_database
def test_a_worker_without_room_advances(alias: str, start_worker: StartWorker) -> None:
    tasks.wait_for.using(backend=alias).enqueue_many([(("g",), {}) for _ in range(5)])
    worker = start_worker(alias, threads=1, poll_interval=0.1).worker
    wait_until(lambda: tasks.Count.most == 1, what="a job to start")
    for _ in range(3):
        before = worker.progressed
        wait_until(lambda before=before: worker.progressed > before + 0.1, what="an advance")


@on_each_database
def test_a_worker_that_waits_out_its_grace_counts_as_advancing(
    alias: str, start_worker: StartWorker
) -> None:
    tasks.wait_for.using(backend=alias).enqueue("g")
    worker = start_worker(alias, grace=300.0).worker
    wait_until(lambda: tasks.Count.most == 1, what="the job to start")
    worker.stop()
    wait_until(lambda: worker.progressed > monotonic() + 200, what="the wait for the job")


@on_each_database
def test_a_claim_that_hangs_is_told_by_the_heartbeat_and_so_is_its_end(
    alias: str, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with with_options(alias, LEASE=LEASE):
        store = store_of(alias)
        gate = threading.Event()
        claim = store.claim

        def hang(request: Any) -> Any:
            gate.wait(30)
            return claim(request)

        worker = start_worker(alias).worker
        wait_until(lambda: store.insights().workers, what="the worker to join")
        monkeypatch.setattr(store, "claim", hang)
        wait_until(lambda: _stall(store) > LEASE, what="the heartbeat to tell")
        assert store.insights().workers[0].is_alive
        assert is_late(worker)

        gate.set()
        wait_until(lambda: _stall(store) == 0, what="the heartbeat to tell")
        assert not is_late(worker)


def _stall(store: Any) -> float:
    (worker,) = store.insights().workers
    return float(worker.stall.total_seconds())


@on_each_database
def test_claims_that_fail_again_and_again_are_no_advance(
    alias: str, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: Any) -> Any:
        raise ConnectionError("refused")

    worker = start_worker(alias, poll_interval=0.1).worker
    wait_until(lambda: worker.store.insights().workers, what="the worker to join")
    monkeypatch.setattr(worker.store, "claim", fail)
    wait_until(lambda: monotonic() > worker.progressed + 1.0, what="the loop to fall behind")
