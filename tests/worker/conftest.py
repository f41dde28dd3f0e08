"""Workers in threads of the test, over each kind of store."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.tasks import task_backends

from django_taskq.control import store_of
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.worker import Worker
from tests.worker import tasks

type StartWorker = Callable[..., "RunningWorker"]


class RunningWorker:
    """A worker in a thread, stopped at the end of the test."""

    def __init__(self, alias: str, **settings: Any) -> None:
        self.worker = Worker(
            store_of(alias),
            WorkerSettings(**{"threads": 4, "poll_interval": 0.2, "grace": 5.0, **settings}),
            type(task_backends[alias]),
        )
        self.thread = threading.Thread(target=self.worker.run, daemon=True)
        self.thread.start()

    def join(self, timeout: float = 20.0) -> None:
        """Wait for the worker to end by itself."""
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "The worker has not ended."


@pytest.fixture(autouse=True)
def clean_meeting_points() -> Iterator[None]:
    tasks.GATES.clear()
    tasks.SEEN.clear()
    tasks.Count.most = 0
    yield
    for gate in tasks.GATES.values():
        gate.set()


@pytest.fixture
def start_worker() -> Iterator[StartWorker]:
    started: list[RunningWorker] = []

    def start(alias: str, **settings: Any) -> RunningWorker:
        worker = RunningWorker(alias, **settings)
        started.append(worker)
        return worker

    yield start
    for gate in tasks.GATES.values():
        gate.set()
    for running in started:
        running.worker.hurry()
    for running in started:
        running.join()
