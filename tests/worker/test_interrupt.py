"""A cancel reaches the attempt that it is meant for, where it awaits, and nothing else."""

import asyncio
import threading
from typing import Any

import pytest
from django.tasks import TaskResultStatus

from django_taskq import current_job, task
from django_taskq.jobs.outcome import Verdict
from django_taskq.worker.calls import Calls
from django_taskq.worker.interrupt import Interrupt
from django_taskq.worker.run import Call, Ended
from django_taskq.worker.runner import Runner
from tests.app import journal
from tests.middleware.layers import AsyncNoting, Noting
from tests.worker.claims import claim_of

CANCELED = "asyncio.exceptions.CancelledError"


class LayeredCalls(Calls):
    """Calls whose stack the test names."""

    layers: Any = ()

    def make(self, claim: Any) -> Call | Ended:
        """Make a call with these layers around it."""
        made = super().make(claim)
        assert isinstance(made, Call)
        return made._replace(layers=self.layers)


class Stand:
    """A runner of the test's own loop, and what it has delivered."""

    def __init__(self, *layers: Any) -> None:
        self.ended: list[Ended] = []
        self.calls = LayeredCalls("threads", lambda: None, lambda: False)
        self.calls.layers = layers
        self._runner = Runner(self.calls, self.ended.append)

    async def run(self, job: Any, page: str) -> int:
        """Run a job; return how many cancels its asyncio task still stands under."""
        claim = claim_of(task=job.module_path, args=f'["{page}"]')
        running = asyncio.current_task()
        assert running is not None
        await self._runner.arun(claim)
        return running.cancelling()

    @property
    def error(self) -> str | None:
        """The class of what the one attempt raised."""
        [ended] = self.ended
        return ended.outcome.error and ended.outcome.error.exception_class_path


def _ask_to_stop() -> None:
    job = current_job()
    assert job is not None
    job._notepad.ask_to_stop()


@task
async def wait_after_asking(page: str) -> None:
    """Ask for its own end, from another thread, and wait for it."""
    job = current_job()
    assert job is not None
    threading.Thread(target=job._notepad.ask_to_stop).start()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(int)
        journal.write(page, "cleaned up")


@task
async def catch(page: str) -> str:
    """Take its end well, and return."""
    _ask_to_stop()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "caught"
    return "never"


@task
async def be_asked_twice(page: str) -> str:
    """Go on after an interruption; the second wish is the same one."""
    _ask_to_stop()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        journal.write(page, "interrupted")
    _ask_to_stop()
    for _ in range(5):
        await asyncio.to_thread(int)
    return "went on"


@task
async def end_at_once(page: str) -> str:
    """Be asked to stop when it is over but for the return."""
    _ask_to_stop()
    return "over"


@task(timeout=0.05)
async def meet_both(page: str) -> None:
    """Be canceled and overrun its time limit in the same turn of the loop."""
    _ask_to_stop()
    threading.Event().wait(0.1)
    await asyncio.Event().wait()


def test_a_canceled_job_is_interrupted_where_it_waits_and_may_clean_up() -> None:
    stand = Stand()
    assert asyncio.run(stand.run(wait_after_asking, "plain")) == 0
    assert stand.error == CANCELED
    assert journal.read("plain") == ["cleaned up"]


@pytest.mark.parametrize("layer", [Noting, AsyncNoting])
def test_the_middlewares_around_it_see_the_cancellation(layer: Any) -> None:
    stand = Stand(layer("outer"), layer("inner"))
    page = f"around {layer.__name__}"
    asyncio.run(stand.run(wait_after_asking, page))
    assert journal.read(page) == [
        "outer in", "inner in", "cleaned up", "inner CancelledError", "outer CancelledError",
    ]  # fmt: skip


def test_one_that_catches_it_and_returns_has_succeeded() -> None:
    stand = Stand()
    assert asyncio.run(stand.run(catch, "catch")) == 0
    [ended] = stand.ended
    assert (ended.outcome.verdict, ended.outcome.result) == (Verdict.SUCCEEDED, '"caught"')


def test_a_job_is_interrupted_once_however_often_it_is_asked() -> None:
    stand = Stand()
    assert asyncio.run(stand.run(be_asked_twice, "twice")) == 0
    assert stand.ended[0].outcome.result == '"went on"'
    assert journal.read("twice") == ["interrupted"]


def test_a_cancel_that_comes_too_late_leaves_the_next_job_alone() -> None:
    stand = Stand()

    async def run_two() -> list[int]:
        return [await stand.run(end_at_once, "late"), await stand.run(end_at_once, "later")]

    assert asyncio.run(run_two()) == [0, 0]
    assert [ended.outcome.verdict for ended in stand.ended] == [Verdict.SUCCEEDED] * 2


def test_a_cancel_and_a_time_limit_in_the_same_moment_make_one_end() -> None:
    stand = Stand()
    assert asyncio.run(stand.run(meet_both, "both")) == 0
    [ended] = stand.ended
    assert ended.outcome.verdict is Verdict.FAILED
    assert stand.error == CANCELED
    assert ended.result.status is TaskResultStatus.RUNNING
    assert stand.calls.running == {}


def test_asking_a_loop_that_is_closed_does_nothing() -> None:
    async def make() -> Interrupt:
        return Interrupt()

    asyncio.run(make()).ask()
