"""Who decides about tries, with what at hand, and what becomes of it without."""

from collections.abc import Callable
from typing import Any

import pytest

from django_taskq import RejectError, RetryError, get_job, task, wait
from django_taskq.jobs.backoff import FURTHEST, BackoffRule
from django_taskq.middleware import FailedTry, MaxTries
from django_taskq.middleware.max_tries import delay_asked_for
from tests.aliases import alias_fixture, with_options
from tests.app import tasks
from tests.running import running

alias = alias_fixture()
# Python warns of forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ERROR = ValueError("no")


class Job:
    """What there is of a job to decide by."""

    task_result = "the result"


def failed(
    exception: BaseException = ERROR,
    tries: int = 1,
    max_tries: int | None = None,
    backoff: BackoffRule = "exponential",
) -> FailedTry:
    job: Any = Job()
    return FailedTry(exception, job, tries, max_tries, backoff)


def least() -> float:
    return 0.0


class OnlyLookups(MaxTries):
    """Tries again after a LookupError, three times in all, whatever the task says."""

    def delay_after(self, failed: FailedTry) -> float | None:
        """Look at the exception, and count in the ctx."""
        failed.job.ctx["failed"] = failed.job.ctx.get("failed", 0) + 1
        more = isinstance(failed.exception, LookupError) and failed.job.ctx["failed"] < 3
        return 0 if more else None


@task(middleware=[OnlyLookups])
def picky(kind: str) -> None:
    """Fail, inside of a rule of its own."""
    raise tasks.exception_of(kind, "no")


# The question.


@pytest.mark.parametrize(
    ("asked", "delay"),
    [
        # None: an exception ends the job, a RetryError is obeyed without limit.
        (failed(), None),
        (failed(RetryError(5), tries=1000), 5),
        (failed(RetryError(), tries=3), 4 * 0.8),
        # N: so many tries in all.
        (failed(max_tries=1), None),
        (failed(max_tries=3), 0.8),
        (failed(tries=2, max_tries=3), 2 * 0.8),
        (failed(tries=3, max_tries=3), None),
        (failed(RetryError(5), tries=2, max_tries=3), 5),
        (failed(RetryError(5), tries=3, max_tries=3), None),
        # The rule.
        (failed(tries=3, max_tries=9, backoff="linear"), 3 * 0.8),
        (failed(tries=3, max_tries=9, backoff=10), 8),
        (failed(tries=3, max_tries=9, backoff=[1, 2]), 2 * 0.8),
        (failed(max_tries=9, backoff=lambda error, result: len(result)), 10),
        (failed(max_tries=9, backoff=lambda error, result: None), None),
        # What is asked for has no jitter, and bounds.
        (failed(RetryError(-5)), 0),
        (failed(RetryError(1e30)), FURTHEST),
    ],
)
def test_the_delay_of_the_next_try(asked: FailedTry, delay: float | None) -> None:
    assert MaxTries(spread=least).delay_after(asked) == delay


def test_delays_are_spread_unless_a_test_says_how() -> None:
    asked = failed(max_tries=9, backoff=100)
    delays = [MaxTries().delay_after(asked) or 0.0 for _ in range(50)]
    assert len(set(delays)) > 1
    assert all(80 <= delay <= 120 for delay in delays)
    assert MaxTries(spread=lambda: 0.5).delay_after(asked) == 100


def test_without_it_only_what_is_asked_for_runs_again() -> None:
    assert delay_asked_for(failed(max_tries=5)) is None
    assert delay_asked_for(failed(RetryError(5), tries=10, max_tries=5)) == 5
    assert 0.8 <= (delay_asked_for(failed(RetryError())) or 0) <= 1.2


# In a worker.


def outcome_of(alias: str, made: Any, *args: Any, middleware: list[Any] | None = None) -> Any:
    """Run a job in a stack; return the names of its errors and why it failed."""
    given = {} if middleware is None else {"MIDDLEWARE": middleware}
    forking = {"START_METHOD": "fork"} if alias == "processes" else {}
    with with_options(alias, **given, **forking), running(alias):
        result = wait(made.using(backend=alias).enqueue(*args), timeout=30)
        return [each.exception_class.__name__ for each in result.errors], get_job(result).failure


@pytest.mark.parametrize(
    ("made", "args", "tries"),
    [
        (tasks.fail, ("ValueError", "no"), ["ValueError"]),
        (tasks.afail, ("ValueError", "no"), ["ValueError"]),
        (tasks.reject, ("no",), ["RejectError"]),
    ],
)
def test_without_it_an_exception_ends_the_job(
    alias: str, made: Any, args: tuple[Any, ...], tries: list[str]
) -> None:
    assert outcome_of(alias, made, *args, middleware=[])[0] == tries


def test_without_it_a_retry_that_is_asked_for_is_obeyed(alias: str) -> None:
    assert outcome_of(alias, tasks.ask_again, 3, middleware=[]) == (["RetryError"] * 3, None)


@pytest.mark.parametrize("given", [None, []])
def test_a_task_may_bring_its_own(alias: str, given: list[Any] | None) -> None:
    again, once = ["KeyError"] * 3, ["ValueError"]
    assert outcome_of(alias, picky, "KeyError", middleware=given)[0] == again
    assert outcome_of(alias, picky, "ValueError", middleware=given)[0] == once


def test_a_rejection_is_no_question(alias: str) -> None:
    def ask(failed: FailedTry) -> float:
        return 0

    class Always(MaxTries):
        delay_after: Callable[..., Any] = staticmethod(ask)

    errors, failure = outcome_of(alias, tasks.reject, "no", middleware=[Always()])
    assert (errors, failure) == ([RejectError.__name__], "rejected")
