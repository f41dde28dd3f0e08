"""Signals: who sends them, in which order, and that receivers change nothing."""

import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.dispatch import Signal
from django.tasks import TaskResultStatus
from django.tasks.signals import task_enqueued, task_finished, task_started

from django_taskq.backends.base import TaskqBackend
from django_taskq.signals import attempt_failed
from tests.app import tasks
from tests.conformance.conftest import Drain, On
from tests.deadlines import wait_until

SIGNALS = {
    "enqueued": task_enqueued,
    "started": task_started,
    "failed": attempt_failed,
    "finished": task_finished,
}


class Heard(NamedTuple):
    """One signal as a receiver got it."""

    name: str
    sender: type
    id: str
    status: TaskResultStatus
    attempts: int
    exception: BaseException | None
    duration: float | None


class Ear:
    """Hears every signal of a job."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.receivers = [(signal, self._receiver(name)) for name, signal in SIGNALS.items()]

    def _receiver(self, name: str) -> Any:
        def hear(sender: type, task_result: Any, **kwargs: Any) -> None:
            self.heard.append(
                Heard(
                    name,
                    sender,
                    task_result.id,
                    task_result.status,
                    task_result.attempts,
                    sys.exc_info()[1],
                    kwargs.get("duration"),
                )
            )

        return hear

    def until_finished(self, count: int = 1) -> list[Heard]:
        """Return what was heard once so many jobs have finished; a worker tells after the write."""
        wait_until(lambda: self.names().count("finished") >= count, what="task_finished")
        return self.heard

    def names(self) -> list[str]:
        return [heard.name for heard in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    for signal, receiver in made.receivers:
        signal.connect(receiver)
    yield made
    for signal, receiver in made.receivers:
        signal.disconnect(receiver)


@pytest.fixture
def raising_receivers() -> Iterator[list[str]]:
    called: list[str] = []

    def receive(signal: Signal, **kwargs: Any) -> None:
        called.append(next(name for name, known in SIGNALS.items() if known is signal))
        raise RuntimeError("a receiver that raises")

    for signal in SIGNALS.values():
        signal.connect(receive)
    yield called
    for signal in SIGNALS.values():
        signal.disconnect(receive)


def test_three_signals_tell_of_a_job_in_order(
    ear: Ear, echo: Any, backend: TaskqBackend, drain: Drain
) -> None:
    result = echo.enqueue(1)
    drain()
    ear.until_finished()
    # A pool may have started the job before its caller had told of the enqueue.
    heard = sorted(ear.heard, key=lambda item: item.name != "enqueued")
    assert [item.name for item in heard] == ["enqueued", "started", "finished"]
    assert {(item.sender, item.id) for item in heard} == {(type(backend), result.id)}
    assert [item.status for item in heard] == ["READY", "RUNNING", "SUCCESSFUL"]
    assert [item.attempts for item in heard] == [0, 1, 1]
    assert [item.exception for item in heard] == [None, None, None]
    assert heard[-1].duration is not None
    assert 0 <= heard[-1].duration < 5


def test_each_attempt_starts_but_a_job_finishes_once(ear: Ear, on: On, drain: Drain) -> None:
    on(tasks.succeed_on).using(max_tries=3, backoff=0).enqueue(3)
    drain()
    ear.until_finished()
    # A pool may have started the next attempt before it had told of the failed one.
    heard = sorted(ear.heard, key=lambda item: item.attempts)
    assert [item.name for item in heard] == [
        "enqueued", "started", "failed", "started", "failed", "started", "finished",
    ]  # fmt: skip
    assert [item.attempts for item in heard] == [0, 1, 1, 2, 2, 3, 3]
    assert [item.status for item in heard if item.name == "failed"] == ["READY", "READY"]
    assert heard[-1].status == "SUCCESSFUL"


def test_the_exception_is_live_in_task_finished(
    alias: str, ear: Ear, fail: Any, drain: Drain
) -> None:
    fail.enqueue("LookupError", "not on the shelf")
    drain()
    finished = ear.until_finished()[-1]
    assert finished.status == "FAILED"
    assert type(finished.exception).__name__ == "LookupError"
    # One that was raised in another process has a stand-in here.
    assert isinstance(finished.exception, LookupError) or alias == "processes"
    assert str(finished.exception) == "not on the shelf"


def test_the_traceback_in_task_finished_leads_into_the_task(
    alias: str, fail: Any, drain: Drain
) -> None:
    functions: list[str] = []

    def receive(**kwargs: Any) -> None:
        if alias == "processes":
            functions.extend(re.findall(r"in (\w+)$", traceback.format_exc(), re.MULTILINE))
            return
        at = sys.exc_info()[2]
        while at is not None:
            functions.append(at.tb_frame.f_code.co_name)
            at = at.tb_next

    task_finished.connect(receive)
    try:
        fail.enqueue()
        drain()
        wait_until(lambda: functions, what="task_finished")
    finally:
        task_finished.disconnect(receive)
    assert fail.name in functions


def test_receivers_that_raise_change_nothing(
    raising_receivers: list[str], ear: Ear, echo: Any, fail: Any, on: On, drain: Drain
) -> None:
    good, bad = echo.enqueue(1), fail.enqueue()
    again = on(tasks.succeed_on).using(max_tries=2, backoff=0).enqueue(2)
    drain()
    ear.until_finished(3)
    for result in (good, bad, again):
        result.refresh()
    assert good.return_value == 1
    assert good.attempts == 1
    assert bad.status is TaskResultStatus.FAILED
    assert [error.exception_class for error in bad.errors] == [ValueError]
    assert again.return_value == 2
    assert sorted(set(raising_receivers)) == sorted(SIGNALS)
    assert raising_receivers.count("finished") == 3
