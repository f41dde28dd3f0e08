"""Cancel of what runs, or is about to: what the job sees, how it ends, and who is told."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.dispatch import Signal
from django.tasks import TaskResult, TaskResultStatus, task_backends
from django.tasks.signals import task_finished

from django_taskq import JobCanceled, JobContext, cancel, get_job, task, wait
from django_taskq.control import database_of, store_of
from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fence import Note
from django_taskq.jobs.states import Failure, State
from django_taskq.models import Worker
from django_taskq.signals import job_canceled
from django_taskq.worker.pool import notepad
from django_taskq.worker.upkeep import Upkeep
from tests.aliases import ON_BOTH, alias_fixture, every_durable
from tests.app import gates, journal, process_tasks, tasks
from tests.deadlines import wait_until
from tests.running import POOLS, running, wait_until_running, worker_for
from tests.stores.jobs import WORKER, join

alias = alias_fixture(ON_BOTH)

LONG = 60.0
# As many jobs as run at once on any alias of the tests, or more.
MOST_SLOTS = 10
SIGNALS: dict[str, Signal] = {"canceled": job_canceled, "finished": task_finished}


class Heard(NamedTuple):
    """A signal as a receiver got it."""

    name: str
    id: str
    duration: float | None
    errors: list[str]


class Ear:
    """Hears how jobs end."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.receivers = [(signal, self._receiver(name)) for name, signal in SIGNALS.items()]

    def _receiver(self, name: str) -> Any:
        def hear(task_result: TaskResult, duration: float | None, **kwargs: Any) -> None:
            errors = [error.exception_class_path for error in task_result.errors]
            self.heard.append(Heard(name, task_result.id, duration, errors))

        return hear

    def of(self, result: TaskResult, count: int) -> list[Heard]:
        """Return what was told of a job, once it is so much; a worker tells after the write."""

        def about() -> list[Heard]:
            return [heard for heard in self.heard if heard.id == result.id]

        wait_until(lambda: len(about()) >= count, timeout=LONG, what="the signals")
        return about()


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    for signal, receiver in made.receivers:
        signal.connect(receiver)
    yield made
    for signal, receiver in made.receivers:
        signal.disconnect(receiver)


@pytest.fixture
def gate() -> Iterator[str]:
    """A gate of this test alone, open after it."""
    name = uuid4().hex
    yield name
    gates.open_gate(name)


@task(max_tries=5, backoff=0)
async def aclean_up(gate: str) -> None:
    """Wait for ever; when that ends, clean up in what takes a while."""
    gates.reach(gate)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(journal.write, gate, "cleaned up")


@task
async def acatch(gate: str) -> str:
    """Wait for ever, and return when that ends."""
    gates.reach(gate)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "caught"
    return "never"


@task(takes_context=True)
async def ago_on(context: JobContext, gate: str) -> bool:
    """Wait for ever, but go on when that ends, until the gate is open."""
    gates.reach(gate)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        gates.reach(f"{gate} went on")
    await gates.apass_gate(f"{gate} leave")
    return context.should_stop


@task
def ignore(gate: str) -> None:
    """Stay until the gate is open, whatever is asked."""
    gates.pass_gate(gate)


@task
def die_at(gate: str) -> None:
    """Take the process down once the gate is open."""
    gates.pass_gate(gate)
    process_tasks.end_process("exit")


def assert_canceled(result: TaskResult) -> None:
    """Check what is stored of a job that was canceled while it ran."""
    job = get_job(result)
    assert (job.state, job.failure, job.attempt) == (State.CANCELED, Failure.CANCELED, 1)
    assert result.status is TaskResultStatus.FAILED
    assert result.errors[-1].exception_class is JobCanceled


def assert_no_run(result: TaskResult) -> None:
    """Check what is stored of a job that was canceled before it ran."""
    assert get_job(result).state == State.CANCELED
    assert result.errors[-1].exception_class is JobCanceled
    assert result.worker_ids == []


def test_an_async_job_is_interrupted_cleans_up_and_ends_canceled(
    alias: str, gate: str, ear: Ear
) -> None:
    with running(alias):
        result = aclean_up.using(backend=alias).enqueue(gate)
        wait_until_running(result, gate)
        assert cancel(result) is True
        wait(result, timeout=LONG)
        assert_canceled(result)
        assert journal.read(gate) == ["cleaned up"]
        told = ear.of(result, 2)
    assert [heard.name for heard in told] == ["canceled", "finished"]
    assert all(heard.duration is not None and heard.duration > 0 for heard in told)
    path = f"{JobCanceled.__module__}.{JobCanceled.__qualname__}"
    assert [heard.errors for heard in told] == [[path], [path]]


def test_an_async_job_that_catches_its_cancellation_and_returns_has_succeeded(
    alias: str, gate: str
) -> None:
    with running(alias):
        result = acatch.using(backend=alias).enqueue(gate)
        wait_until_running(result, gate)
        assert cancel(result) is True
        assert wait(result, timeout=LONG).return_value == "caught"


def test_an_async_job_that_goes_on_is_told_to_stop(alias: str, gate: str) -> None:
    with running(alias):
        result = ago_on.using(backend=alias).enqueue(gate)
        wait_until_running(result, gate)
        cancel(result)
        wait_until(lambda: gates.is_reached(f"{gate} went on"), timeout=LONG)
        assert get_job(result).state == State.RUNNING
        gates.open_gate(f"{gate} leave")
        assert wait(result, timeout=LONG).return_value is True


def test_jobs_beside_and_behind_a_canceled_one_lose_nothing(alias: str, gate: str) -> None:
    with running(alias):
        result = aclean_up.using(backend=alias).enqueue(gate)
        wait_until_running(result, gate)
        beside = tasks.ahold.using(backend=alias).enqueue(f"{gate} beside", 1)
        wait_until_running(beside, f"{gate} beside")
        cancel(result)
        wait(result, timeout=LONG)
        behind = [tasks.aecho.using(backend=alias).enqueue(number) for number in range(10)]
        gates.open_gate(f"{gate} beside")
        for number, other in enumerate([*behind, beside]):
            assert wait(other, timeout=LONG).return_value == number % 10 + (other is beside)
            assert other.attempts == 1


def test_a_canceled_job_is_told_of_once_and_one_that_waited_has_no_duration(
    alias: str, gate: str, ear: Ear
) -> None:
    with running(alias):
        stopped = tasks.change_metadata.using(backend=alias, max_tries=5, backoff=0)
        result = stopped.enqueue({}, fail_on=1, gate=gate)
        wait_until_running(result, gate)
        for _ in range(3):
            assert cancel(result) is True
        gates.open_gate(gate)
        wait(result, timeout=LONG)
        assert [heard.name for heard in ear.of(result, 2)] == ["canceled", "finished"]
        later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
        cancel(later)
        [told] = ear.of(later, 1)
    assert (told.name, told.duration) == ("canceled", None)
    assert len(ear.of(result, 2)) == 2


@pytest.mark.parametrize("pool", POOLS)
def test_a_pool_tells_its_jobs_at_once(pool: str, gate: str, monkeypatch: Any) -> None:
    """Not by the next heartbeat, which is far away here."""
    monkeypatch.setattr("django_taskq.worker.heartbeat.INTERVAL", 3600.0)
    result = tasks.run_until_stopped.using(backend=pool).enqueue(gate)
    wait_until_running(result, gate)
    cancel(result)
    assert wait(result, timeout=15).return_value == "stopped"


@every_durable
def test_a_canceled_job_that_is_given_back_ends_and_is_told_of(
    durable: str, gate: str, ear: Ear
) -> None:
    result = ignore.using(backend=durable).enqueue(gate)
    worker = worker_for(durable, grace=0.0)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    wait_until_running(result, gate)
    cancel(result)
    worker.hurry()
    thread.join(LONG)
    result.refresh()
    assert_canceled(result)
    assert [heard.name for heard in ear.of(result, 1)][:1] == ["canceled"]


def test_canceled_jobs_behind_others_do_not_run(alias: str, gate: str, ear: Ear) -> None:
    names = [f"{gate} {number}" for number in range(MOST_SLOTS + 2)]
    with running(alias, threads=2):
        busy = [ignore.using(backend=alias).enqueue(name) for name in names]
        wait_until(lambda: sum(map(gates.is_reached, names)) >= 2, timeout=LONG)
        behind = [tasks.write.using(backend=alias).enqueue(gate, str(n)) for n in range(30)]
        assert [cancel(result) for result in behind] == [True] * 30
        # What a worker had claimed ahead it gives back, since its line stands still.
        for result in behind:
            assert_no_run(wait(result, timeout=LONG))
        for name in names:
            gates.open_gate(name)
        for result in busy:
            assert wait(result, timeout=LONG).status is TaskResultStatus.SUCCESSFUL
        for result in behind:
            assert [heard.name for heard in ear.of(result, 1)] == ["canceled"]
    assert journal.read(gate) == []


# The end of a process.


@pytest.mark.parametrize("stubborn", [ignore, ago_on], ids=["sync", "async"])
def test_a_job_in_a_child_that_goes_on_costs_the_child_its_life(
    gate: str, stubborn: Any, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notepad, "CANCEL_GRACE", 0.5)
    result = stubborn.using(backend="processes", max_tries=5, backoff=0).enqueue(gate)
    wait_until_running(result, gate)
    beside = tasks.hold.using(backend="processes").enqueue(f"{gate} beside", "beside")
    wait_until_running(beside, f"{gate} beside")
    cancel(result)
    wait(result, timeout=LONG)
    assert_canceled(result)
    assert "did not end within" in result.errors[-1].traceback
    assert get_job(result).lost == 0
    behind = [tasks.echo.using(backend="processes").enqueue(n) for n in range(10)]
    assert [wait(other, timeout=LONG).return_value for other in behind] == list(range(10))
    gates.open_gate(f"{gate} beside")
    assert wait(beside, timeout=LONG).return_value == "beside"
    assert [other.attempts for other in (beside, *behind)] == [1] * 11
    told = ear.of(result, 2)
    assert [heard.name for heard in told] == ["canceled", "finished"]
    assert all(heard.duration is not None and heard.duration > 0 for heard in told)


@every_durable
def test_what_a_lost_worker_held_when_it_was_canceled_is_told_of_once(
    durable: str, ear: Ear
) -> None:
    started, claimed = (tasks.echo.using(backend=durable).enqueue(n) for n in range(2))
    store = store_of(durable)
    join(store)
    first, _ = store.claim(ClaimRequest(WORKER, 2))
    store.note(WORKER, [Note(first.seq, first.attempt, first.claimed_at)])
    assert [cancel(result) for result in (started, claimed)] == [True, True]
    # Nobody else ever took part: its lease is over where its row is gone.
    Worker.objects.using(database_of(durable)).filter(pk=WORKER).delete()
    backend: Any = task_backends[durable]
    for _ in range(2):
        Upkeep(store, type(backend), lambda: None, lambda: True)._reap()
    assert [heard.name for heard in ear.of(started, 2)] == ["canceled", "finished"]
    assert [(heard.name, heard.duration) for heard in ear.of(claimed, 1)] == [("canceled", None)]


def test_a_child_that_dies_with_a_canceled_job_is_told_of_once(gate: str, ear: Ear) -> None:
    result = die_at.using(backend="processes").enqueue(gate)
    wait_until_running(result, gate)
    cancel(result)
    gates.open_gate(gate)
    wait(result, timeout=LONG)
    assert get_job(result).state == State.CANCELED
    assert result.errors[-1].exception_class is JobCanceled
    assert [heard.name for heard in ear.of(result, 2)] == ["canceled", "finished"]
