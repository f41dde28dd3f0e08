"""A worker whose store passes jobs over for a while: it comes back in time, and does not spin."""

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
from django.tasks import task_backends

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.options import Options
from django_taskq.stores.memory import MemoryStore
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.worker import Worker
from tests.deadlines import wait_until
from tests.worker import tasks

LONG = 30.0


class Shut(MemoryStore):
    """Hands out nothing until a moment that it tells, as a rate would."""

    def __init__(self, seconds: float) -> None:
        super().__init__("threads", Options())
        self.opens_at = monotonic() + seconds
        self.claims = 0

    def claim(self, request: ClaimRequest) -> list[Claim]:
        self.claims += 1
        return [] if self._left() > 0 else super().claim(request)

    def opens_in(self, worker_id: str) -> float | None:
        left = self._left()
        return left if left > 0 and self.insights().depth(State.READY) else None

    def _left(self) -> float:
        return self.opens_at - monotonic()


class Limited(MemoryStore):
    """Hands out jobs for free slots alone, as it does where each has a limit."""

    def claim(self, request: ClaimRequest) -> list[Claim]:
        assert request.free is not None
        return super().claim(request._replace(limit=request.free)) if request.free else []


type Start = Callable[..., Worker]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a worker of a store; it ends with the test."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(store: MemoryStore, **settings: Any) -> Worker:
        made = WorkerSettings(**{"threads": 2, "poll_interval": LONG, "grace": 5.0, **settings})
        worker = Worker(store, made, type(task_backends["threads"]))
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        started.append((worker, thread))
        return worker

    yield start
    for gate in tasks.GATES.values():
        gate.set()
    for worker, thread in started:
        worker.hurry()
        thread.join(10)
        assert not thread.is_alive()


def insert(store: MemoryStore, name: str, args: str, number: int = 1) -> None:
    path = f"tests.worker.tasks.{name}"
    store.insert([JobSpec(new_id(), path, args=args) for _ in range(number)])


def test_a_job_that_waits_for_a_limit_starts_soon_after_it_opens(start: Start) -> None:
    store = Shut(0.4)
    worker = start(store)
    insert(store, "remember", "[1]")
    wait_until(lambda: worker.done == 1, what="the job")
    assert monotonic() - store.opens_at < 5.0
    # One as it starts, two as it arms, one for the job, and then those at the limit and its end.
    assert store.claims < 15


def test_a_job_enqueued_while_the_worker_sleeps_and_a_limit_is_closed_is_not_forgotten(
    start: Start,
) -> None:
    store = Shut(0.0)
    worker = start(store)
    insert(store, "remember", "[1]")
    wait_until(lambda: worker.done == 1, what="the first job")
    wait_until(lambda: worker.progressed > monotonic() + LONG / 2, what="the worker to sleep")
    store.opens_at = monotonic() + 0.3
    insert(store, "remember", "[2]")
    wait_until(lambda: worker.done == 2, what="the second job")


def test_a_burst_waits_for_what_a_limit_holds_back_for_a_time(start: Start) -> None:
    store = Shut(0.4)
    insert(store, "remember", "[1]")
    worker = start(store, is_burst=True)
    wait_until(lambda: store.insights().workers == () and worker.done == 1, what="the burst to end")
    assert tasks.SEEN == [1]


def test_jobs_for_free_slots_alone_follow_one_another_without_a_poll(start: Start) -> None:
    store = Limited("threads", Options())
    worker = start(store, threads=1)
    insert(store, "wait_for", '["g"]', 4)
    wait_until(lambda: tasks.Count.running == 1, what="the first job")
    assert store.insights().depth(State.READY) == 3
    tasks.GATES["g"].set()
    wait_until(lambda: worker.done == 4, what="the others")
