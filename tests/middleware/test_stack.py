"""Attempts run inside of their stack, sync and async ones, on every backend."""

import asyncio
import builtins
import gc
import threading
import weakref
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.tasks import TaskResultStatus
from django.tasks import task as django_task

from django_taskq import RejectError, RetryError, current_job, get_job, task, wait
from django_taskq.exceptions import ReleaseError, TaskTimeout
from django_taskq.jobs.states import Failure
from django_taskq.middleware import MaxAge, MaxRate, MaxTries, Middleware
from django_taskq.middleware.registry import stacks_of
from django_taskq.worker.calls import Calls
from django_taskq.worker.run import Ended
from django_taskq.worker.runner import Runner
from tests.aliases import alias_fixture, with_options
from tests.app import journal
from tests.middleware.layers import (
    AsyncNoting,
    AsyncSwallowing,
    Counted,
    Noting,
    Postponing,
    Raising,
    Swallowing,
    Wrong,
)
from tests.running import running
from tests.worker.claims import claim_of

alias = alias_fixture()
# Python warns of forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

type Run = Callable[..., Any]


class Held:
    """What an exception holds."""


@task
def note(page: str, kind: str = "") -> str:
    """Write down that it runs; fail where a kind of error is named."""
    journal.write(page, "function")
    if kind:
        raise getattr(builtins, kind)(7)
    return "done"


@task
async def anote(page: str, kind: str = "") -> str:
    """Write down that it runs; fail where a kind of error is named."""
    journal.write(page, "function")
    if kind:
        raise getattr(builtins, kind)(7)
    return "done"


@task
def release_itself(page: str) -> None:
    """Raise what only a middleware may."""
    journal.write(page, "function")
    raise ReleaseError(reason="for ever")


@task(timeout=0.3)
async def ahang(page: str) -> None:
    """Wait for longer than it may."""
    await asyncio.Event().wait()


@task
def name_of_thread(page: str) -> str:
    """Return the name of the thread in which this runs."""
    return threading.current_thread().name


@task
def number_of_attempt() -> int:
    """Return the number of the attempt that the job is in."""
    job = current_job()
    assert job is not None
    return job.attempt


@django_task
def plain(value: int) -> int:
    """Return the value."""
    return value


@pytest.fixture
def page() -> str:
    """A page of this test alone."""
    return uuid4().hex


@pytest.fixture
def run(alias: str) -> Run:
    """Run a job inside of a stack, outermost first."""

    def run_within(layers: Sequence[Middleware], made: Any, *args: Any, **options: Any) -> Any:
        stack = {"MIDDLEWARE": [MaxTries, *layers]}
        # A spawned child would not have these instances.
        forking = {"START_METHOD": "fork"} if alias == "processes" else {}
        with with_options(alias, **stack, **forking), running(alias):
            result = wait(made.using(backend=alias, **options).enqueue(*args), timeout=20)
            return result, get_job(result)

    return run_within


either = pytest.mark.parametrize("noting", [note, anote], ids=["sync", "async"])


# Order.


@either
@pytest.mark.parametrize(
    "kinds", [*product([Noting, AsyncNoting], repeat=2), (AsyncNoting, Noting, AsyncNoting)]
)
def test_an_attempt_goes_through_its_stack_and_back(
    run: Run, page: str, noting: Any, kinds: Sequence[Any]
) -> None:
    layers = [kind(str(place)) for place, kind in enumerate(kinds)]
    result, _ = run(layers, noting, page)
    assert result.return_value == "done"
    places = [str(place) for place in range(len(kinds))]
    ways_in, ways_out = [f"{n} in" for n in places], [f"{n} out" for n in reversed(places)]
    assert journal.read(page) == [*ways_in, "function", *ways_out]


@either
@pytest.mark.parametrize("kind", ["ValueError", "SystemExit"])
@pytest.mark.parametrize("layer", [Noting, AsyncNoting])
def test_what_the_function_raises_passes_through(
    run: Run, page: str, noting: Any, kind: str, layer: Any
) -> None:
    result, _ = run([layer("one"), layer("two")], noting, page, kind)
    assert result.status is TaskResultStatus.FAILED
    assert [error.exception_class.__name__ for error in result.errors] == [kind]
    assert journal.read(page) == ["one in", "two in", "function", f"two {kind}", f"one {kind}"]


@pytest.mark.parametrize("layer", [Noting, AsyncNoting])
def test_even_the_end_of_an_iteration_ends_the_job_alone(run: Run, page: str, layer: Any) -> None:
    result, _ = run([layer("one")], note, page, "StopIteration")
    assert result.status is TaskResultStatus.FAILED
    assert len(result.errors) == 1


def test_a_sync_function_inside_of_an_async_middleware_stays_in_its_thread(
    alias: str, run: Run, page: str
) -> None:
    result, _ = run([AsyncNoting("one"), AsyncNoting("two")], name_of_thread, page)
    assert result.return_value in {"MainThread", f"taskq-{alias}-1"}
    assert journal.read(page) == ["one in", "two in", "two out", "one out"]


# What a middleware raises.


@either
def test_an_exception_before_the_function_is_a_failed_try(
    alias: str, run: Run, page: str, noting: Any
) -> None:
    layers = [Noting("outer"), Raising(LookupError("no flag")), Noting("inner")]
    result, job = run(layers, noting, page, max_tries=2, backoff=0)
    assert journal.read(page) == ["outer in", "outer LookupError"] * 2
    assert [error.exception_class for error in result.errors] == [LookupError] * 2
    assert (job.failure, job.tries, len(job.worker_ids)) == (Failure.ERROR, 2, 2)


@either
def test_an_exception_after_the_function_is_a_failed_try(run: Run, page: str, noting: Any) -> None:
    layers = [Raising(LookupError("no book"), is_after=True)]
    result, _ = run(layers, noting, page, max_tries=2, backoff=0)
    assert journal.read(page) == ["function"] * 2
    assert [error.exception_class for error in result.errors] == [LookupError] * 2


def test_a_rejection_in_a_middleware_ends_the_job(run: Run, page: str) -> None:
    result, job = run([Raising(RejectError("switched off"))], note, page, max_tries=5)
    assert journal.read(page) == []
    assert job.failure == Failure.REJECTED
    assert len(result.errors) == 1


def test_a_retry_asked_for_in_a_middleware_is_a_try(run: Run, page: str) -> None:
    result, _ = run([Raising(RetryError(0.01))], note, page, max_tries=3)
    assert journal.read(page) == []
    assert len(result.errors) == 3


@either
@pytest.mark.parametrize("layer", [Swallowing, AsyncSwallowing])
def test_a_middleware_that_swallows_makes_a_success_of_nothing(
    run: Run, page: str, noting: Any, layer: Any
) -> None:
    result, _ = run([layer()], noting, page, "ValueError")
    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, None)
    assert journal.read(page) == ["function", "swallowed"]


@either
def test_what_is_no_context_manager_is_told_to_be_none(run: Run, page: str, noting: Any) -> None:
    result, _ = run([Wrong()], noting, page)
    assert journal.read(page) == []
    assert "Expected Wrong to return a context manager, got 5." in result.errors[0].traceback


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kinds", [(), (Noting, Noting), (AsyncNoting,), (Noting, AsyncNoting)])
def test_a_failure_is_let_go_of_with_its_end(page: str, kinds: Sequence[Any]) -> None:
    """What an exception holds must not wait for the garbage collector."""
    ended: list[Ended] = []
    with with_options("threads", MIDDLEWARE=kinds):
        runner = Runner(Calls("threads", lambda: None, lambda: False), ended.append)
    gc.disable()
    try:
        runner.run(claim_of(task=note.module_path, args=f'["{page}", "LookupError"]'))
        exception = ended.pop().exception
        assert isinstance(exception, LookupError)
        held = exception.held = Held()
        is_kept = weakref.ref(held)
        del exception, held
        assert is_kept() is None
    finally:
        gc.enable()


# Giving back.


@pytest.mark.parametrize("delay", [0.0, 0.05])
def test_a_middleware_gives_a_job_back_at_no_cost(run: Run, delay: float) -> None:
    result, job = run([Postponing(2, delay)], number_of_attempt, max_tries=1)
    # The number that a job sees of itself counts the attempts that had started.
    assert (result.return_value, job.attempt, job.tries, result.errors) == (1, 3, 1, [])


def test_a_function_that_has_run_is_not_given_back(run: Run, page: str) -> None:
    result, job = run([Noting("outer")], release_itself, page)
    assert journal.read(page) == ["outer in", "function", "outer ReleaseError"]
    assert [error.exception_class for error in result.errors] == [ReleaseError]
    assert job.failure == Failure.ERROR


# Time limits.


@pytest.mark.parametrize("layer", [Noting, AsyncNoting])
def test_the_time_limit_of_an_async_job_ends_it_inside_of_its_stack(
    run: Run, page: str, layer: Any
) -> None:
    result, _ = run([layer("one")], ahang, page)
    assert [error.exception_class for error in result.errors] == [TaskTimeout]
    assert journal.read(page) == ["one in", "one CancelledError"]


# Who stands in it.


def test_a_stack_is_built_of_those_that_a_task_concerns() -> None:
    stacks = stacks_of("threads")
    rate = stacks.build(note)
    assert rate.plain == ()
    assert [type(each) for each in rate.rated] == [MaxRate]
    aged = stacks.build(note.using(max_age=5))
    assert [type(each) for each in aged.plain] == [MaxAge]
    assert [type(each) for each in aged.rated] == [MaxAge, MaxRate]
    assert stacks.build(note.using(max_rate="1/s")).plain == ()
    assert type(aged.tries) is MaxTries


def test_the_stacks_of_all_tasks_share_their_middlewares() -> None:
    stacks = stacks_of("threads")
    one, other = stacks.build(note.using(max_age=5)), stacks.build(anote.using(max_age=6))
    assert one == other
    assert one.rated[0] is other.rated[0]


def test_a_stack_is_built_once_for_each_task() -> None:
    counted = Counted()
    with with_options("threads", MIDDLEWARE=[counted, MaxAge]):
        calls = Calls("threads", lambda: None, lambda: False)
        for _ in range(3):
            made = calls.make(claim_of(task=note.module_path, args='["page"]'))
            assert made.layers == (counted,)
        assert [asked.func for asked in counted.asked] == [note.func]
        calls.make(claim_of(task=note.module_path, args='["page"]', options='{"max_age": 5}'))
    assert [asked.max_age for asked in counted.asked] == [None, 5]


def test_a_task_of_djangos_own_class_has_a_stack(run: Run) -> None:
    result, _ = run([MaxAge(), MaxRate()], plain, 3)
    assert result.return_value == 3
