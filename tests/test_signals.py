"""The signals of this package are sent on every backend, with what they promise to tell."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from django.tasks import TaskResult, task_backends

from django_taskq import get_job, wait
from django_taskq.control import store_of
from django_taskq.jobs.fence import Fence
from django_taskq.signals import attempt_failed, late_result, worker_started, worker_stopped
from tests.aliases import alias_fixture
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.running import POOLS, running, wait_until_running

alias = alias_fixture()

LONG = 60.0
SIGNALS: dict[str, Signal] = {
    "failed": attempt_failed,
    "late": late_result,
    "started": worker_started,
    "stopped": worker_stopped,
}


@pytest.fixture
def heard() -> Iterator[dict[str, list[dict[str, Any]]]]:
    """What each signal has told so far."""
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in SIGNALS}

    def receiver(name: str) -> Any:
        def hear(signal: Signal, **kwargs: Any) -> None:
            told[name].append(kwargs)

        return hear

    receivers = {name: receiver(name) for name in SIGNALS}
    for name, signal in SIGNALS.items():
        signal.connect(receivers[name])
    yield told
    for name, signal in SIGNALS.items():
        signal.disconnect(receivers[name])


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


def test_a_worker_tells_when_it_has_joined_its_store_and_when_it_has_left(
    alias: str, heard: dict[str, list[dict[str, Any]]]
) -> None:
    backend: Any = task_backends[alias]
    with running(alias):
        result = tasks.echo.using(backend=alias).enqueue(1)
        [worker_id] = wait(result, timeout=LONG).worker_ids
        if alias in POOLS:
            backend.close()
    wait_until(lambda: heard["stopped"], timeout=LONG, what="worker_stopped")
    sender = type(backend)
    told = {"sender": sender, "worker_id": worker_id, "alias": alias}
    assert heard["started"] == [told]
    assert heard["stopped"] == [told | {"released": 0}]


def test_a_failed_try_of_a_job_that_runs_again_is_told_with_its_times(
    alias: str, heard: dict[str, list[dict[str, Any]]]
) -> None:
    with running(alias):
        again = tasks.succeed_on.using(backend=alias, max_tries=2, backoff=0.01)
        result = wait(again.enqueue(2), timeout=LONG)
        wait_until(lambda: heard["failed"], timeout=LONG, what="attempt_failed")
    [told] = heard["failed"]
    assert told["task_result"].id == result.id
    assert type(told["exception"]).__name__ == "ValueError"
    assert 0 <= told["duration"] < LONG
    assert 0 < told["delay"] < 1


def test_a_result_that_comes_too_late_is_told_of(
    alias: str, gate: str, heard: dict[str, list[dict[str, Any]]]
) -> None:
    with running(alias):
        result: TaskResult = tasks.hold.using(backend=alias).enqueue(gate, 7)
        wait_until_running(result, gate)
        job = get_job(result)
        # As somebody does who takes the worker for dead.
        assert store_of(alias).release(str(job.worker_id), [Fence(job.seq, job.attempt)]) == 1
        gates.open_gate(gate)
        wait_until(lambda: heard["late"], timeout=LONG, what="late_result")
        assert wait(result, timeout=LONG).return_value == 7
    [told] = heard["late"]
    assert (told["task_result"].id, told["worker_id"]) == (result.id, job.worker_id)
    assert get_job(result).attempt == 2
