"""Whatever is wrong with a middleware is a failed try: it costs no job, and no worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.tasks import TaskResultStatus

from django_taskq import get_job, task, wait
from django_taskq.control import store_of
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure
from django_taskq.middleware import FailedTry, MaxTries, Middleware
from tests.aliases import alias_fixture, with_options
from tests.app import tasks
from tests.middleware.layers import Noting
from tests.running import running

alias = alias_fixture()
# Python warns of forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

GONE = "tests.middleware.unimportable.Gone"


@task(middleware=[GONE])
def surrounded() -> str:
    """Return from inside of a middleware that cannot be imported."""
    return "done"


@task(middleware=[GONE])
async def asurrounded() -> str:
    """Return from inside of a middleware that cannot be imported."""
    return "done"


class Failing(Noting):
    """Raises where it is asked for something."""

    def __init__(self, place: str, error: BaseException) -> None:
        super().__init__()
        self.place = place
        self.error = error

    def concerns(self, task: Any) -> bool:
        """Raise, where that is the place."""
        if self.place == "concerns":
            raise self.error
        return True

    def __call__(self, job: Any, task: Any) -> Any:
        """Raise at once, or on the way in, or on the way out."""
        if self.place == "call":
            raise self.error
        return self._scope()

    @contextmanager
    def _scope(self) -> Iterator[None]:
        if self.place == "enter":
            raise self.error
        yield
        raise self.error


class Undecided(MaxTries):
    """Has no answer."""

    def __init__(self, answer: Callable[[FailedTry], Any]) -> None:
        super().__init__()
        self.answer = answer

    def delay_after(self, failed: FailedTry) -> Any:
        """Return what stands there."""
        return self.answer(failed)


def leave(failed: FailedTry) -> None:
    """Leave, as `sys.exit` does."""
    raise SystemExit(3)


@contextmanager
def working(alias: str, *layers: Any) -> Iterator[None]:
    """Have the jobs of an alias worked inside of middlewares."""
    forking = {"START_METHOD": "fork"} if alias == "processes" else {}
    with with_options(alias, MIDDLEWARE=list(layers), **forking), running(alias):
        yield


@pytest.mark.parametrize("made", [tasks.echo, tasks.aecho], ids=["sync", "async"])
@pytest.mark.parametrize("place", ["concerns", "call", "enter", "leave"])
def test_an_error_anywhere_is_a_failed_try_of_as_many_as_there_are(
    alias: str, made: Any, place: str
) -> None:
    errors: list[BaseException] = [LookupError("not there"), SystemExit(3)]
    for error in errors:
        with working(alias, MaxTries, Failing(place, error)):
            result = made.using(backend=alias, max_tries=2, backoff=0).enqueue(1)
            wait(result, timeout=30)
            assert [each.exception_class for each in result.errors] == [type(error)] * 2
            job = get_job(result)
            assert (job.failure, job.tries) == (Failure.ERROR, 2)


@pytest.mark.parametrize("made", [surrounded, asurrounded], ids=["sync", "async"])
def test_a_middleware_that_cannot_be_imported_is_a_failed_try(alias: str, made: Any) -> None:
    with running(alias):
        result = made.using(backend=alias, max_tries=2, backoff=0).enqueue()
        after = tasks.echo.using(backend=alias).enqueue("after")
        assert wait(after, timeout=30).return_value == "after"
        assert wait(result, timeout=30).status is TaskResultStatus.FAILED
    assert len(result.errors) == 2
    assert "This module cannot be imported." in result.errors[0].traceback
    assert get_job(result).failure == Failure.ERROR


def test_an_option_that_only_such_a_middleware_knows_is_a_failed_try_too(alias: str) -> None:
    path = tasks.echo.module_path
    spec = JobSpec(new_id(), path, "[1]", max_tries=2, options='{"warn_after": 5, "backoff": 0}')
    with working(alias, GONE, MaxTries):
        tasks.reject.using(backend=alias).enqueue("the first one starts the pool")
        store_of(alias).insert([spec])
        result = wait(tasks.echo.using(backend=alias).get_result(spec.id), timeout=30)
        job = get_job(result)
    assert "OPTIONS['MIDDLEWARE'][0]" in result.errors[0].traceback
    assert (job.failure, job.tries) == (Failure.ERROR, 2)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (leave, "SystemExit: 3"),
        (lambda failed: "soon", "ValueError: could not convert string to float: 'soon'"),
        (lambda failed: {}["tries"], "KeyError: 'tries'"),
    ],
)
def test_a_decision_about_tries_that_fails_ends_the_job_with_a_note(
    alias: str, answer: Any, told: str
) -> None:
    with working(alias, Undecided(answer)):
        result = wait(tasks.fail.using(backend=alias, max_tries=9).enqueue(), timeout=30)
    (error,) = result.errors
    assert error.exception_class is ValueError
    assert f"There is no next try, since asking for its delay failed: {told}" in error.traceback


def test_the_next_attempt_looks_anew(alias: str) -> None:
    class Later(Middleware):
        """Concerns nobody, once it has been asked before."""

        asked = 0

        def concerns(self, task: Any) -> bool:
            """Raise when it is asked first in a process."""
            Later.asked += 1
            if Later.asked == 1:
                raise LookupError("not yet")
            return False

        def __call__(self, job: Any, task: Any) -> Any:
            """Never be called."""
            raise AssertionError

    with working(alias, MaxTries, Later()):
        made = tasks.echo.using(backend=alias, max_tries=5, backoff=0)
        assert wait(made.enqueue(7), timeout=30).return_value == 7
