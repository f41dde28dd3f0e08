"""Running the jobs of an alias in tests, each kind of backend in its own way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.tasks import TaskResult, task_backends

from django_taskq.control import get_job, store_of
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.worker import Worker
from tests.app import gates
from tests.deadlines import wait_until

POOLS = ("threads", "processes")
DURABLE = tuple(alias for alias in settings.TASKS if alias not in POOLS)
LONGEST_RUN = 30.0


def is_durable(alias: str) -> bool:
    """Tell whether the jobs of an alias wait for a worker outside of the enqueuing process."""
    return bool(task_backends[alias].needs_worker)


def worker_for(alias: str, **wanted: Any) -> Worker:
    """Return a worker of an alias that has not started yet."""
    backend: Any = task_backends[alias]
    return Worker(backend.store, WorkerSettings(**{"threads": 4, **wanted}), type(backend))


def run_due(alias: str, **wanted: Any) -> None:
    """Return when no job of the alias is ready or running any more."""
    if is_durable(alias):
        _run_in_thread(worker_for(alias, is_burst=True, **wanted))
    else:
        store = store_of(alias)
        wait_until(lambda: _is_idle(store), timeout=LONGEST_RUN, what=f"{alias!r} to be idle")


@contextmanager
def running(alias: str, **wanted: Any) -> Iterator[None]:
    """Have the jobs of an alias worked while the block runs."""
    if not is_durable(alias):
        yield
        return
    worker = worker_for(alias, poll_interval=0.1, grace=5.0, **wanted)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(LONGEST_RUN)
        assert not thread.is_alive(), "The worker has not stopped."


def run_to_end(alias: str, result: TaskResult) -> TaskResult:
    """Run what is due and return the result, refreshed."""
    run_due(alias)
    result.refresh()
    return result


def wait_until_running(result: TaskResult, gate: str) -> None:
    """Wait until a job has reached its gate, and others can see that it runs."""
    what = f"a job to reach the gate {gate!r}"
    wait_until(lambda: gates.is_reached(gate), timeout=LONGEST_RUN, what=what)
    wait_until(lambda: get_job(result).state == State.RUNNING, what="the job to be RUNNING")


def _run_in_thread(worker: Worker) -> None:
    # In a thread of its own: a worker closes the connections of the thread that it ran in.
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    thread.join(LONGEST_RUN)
    if thread.is_alive():
        worker.hurry()
        raise AssertionError(f"The worker has not ended by itself within {LONGEST_RUN:g} s.")


def _is_idle(store: Store) -> bool:
    return not store.insights().depth(State.READY, State.RUNNING)
