"""What the threads and the event loop of a worker have room for."""

import json
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from django_taskq.worker.executors.base import Hooks
from django_taskq.worker.executors.local import LocalExecutor
from django_taskq.worker.marks import NoMarks
from django_taskq.worker.settings import WorkerSettings
from tests.deadlines import wait_until
from tests.worker import tasks
from tests.worker.claims import claim_of

_seqs = count(1)


class Desk:
    """An executor with two threads and room for three async jobs, and what it has delivered."""

    def __init__(self) -> None:
        self.ended: list[Any] = []
        self.has_room = threading.Event()
        hooks = Hooks(
            deliver=self.ended.append,
            lose=lambda claim, how: None,
            may_start=lambda claim: True,
            drop=lambda claim: None,
            on_room=self.has_room.set,
            on_note=lambda: None,
            is_stopping=lambda: False,
            marks=NoMarks(),
        )
        settings = WorkerSettings(threads=2, async_concurrency=3)
        self.executor = LocalExecutor("threads", settings, hooks)

    def submit(self, name: str, number: int, *args: Any) -> None:
        claims = [
            claim_of(seq=next(_seqs), task=f"tests.worker.tasks.{name}", args=json.dumps(args))
            for _ in range(number)
        ]
        self.executor.submit(claims)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    tasks.SEEN.extend(["meeting"] * 100)
    for gate in tasks.GATES.values():
        gate.set()
    made.executor.close()
    wait_until(lambda: not made.executor.running, what="the executor to be idle")


def start_sync(desk: Desk, number: int) -> None:
    before = len(desk.executor.running)
    desk.submit("wait_for", number, "g")
    wait_until(
        lambda: len(desk.executor.running) == before + number, what=f"{number} sync jobs to start"
    )


def start_async(desk: Desk, number: int) -> None:
    before = len(desk.executor.running)
    desk.submit("meet", number, "meeting", 100)
    wait_until(
        lambda: len(desk.executor.running) == before + number, what=f"{number} async jobs to start"
    )


def run_many_async(desk: Desk) -> None:
    """Have most of the latest jobs be async ones."""
    desk.submit("meet", 40, "alone", 1)
    wait_until(lambda: len(desk.ended) == 40, what="the async jobs to end")


def test_an_idle_worker_could_start_as_many_as_either_kind_has_room_for(desk: Desk) -> None:
    assert desk.executor.startable == 2
    start_async(desk, 2)
    assert desk.executor.startable == 1


def test_a_worker_of_sync_jobs_starts_nothing_once_its_threads_are_busy(desk: Desk) -> None:
    start_sync(desk, 2)
    assert (desk.executor.startable, desk.executor.slots) == (0, 2)


def test_a_worker_of_async_jobs_goes_on_one_by_one_while_its_threads_are_busy(desk: Desk) -> None:
    run_many_async(desk)
    start_sync(desk, 2)
    assert (desk.executor.startable, desk.executor.slots) == (1, 3)


def test_a_wrong_guess_keeps_a_single_start_waiting(desk: Desk) -> None:
    run_many_async(desk)
    start_sync(desk, 2)
    desk.submit("wait_for", 1, "g")
    assert (desk.executor.waiting, desk.executor.startable) == (1, 0)


def test_a_worker_whose_event_loop_is_full_starts_no_more_async_jobs(desk: Desk) -> None:
    run_many_async(desk)
    start_async(desk, 3)
    assert (desk.executor.free, desk.executor.startable) == (2, 0)


def test_a_worker_of_sync_jobs_goes_on_while_its_event_loop_is_full(desk: Desk) -> None:
    start_async(desk, 3)
    assert (desk.executor.startable, desk.executor.slots) == (1, 2)
