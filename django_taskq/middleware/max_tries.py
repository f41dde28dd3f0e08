"""How often a job is tried, and how far apart: `max_tries` and `backoff`."""

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, NamedTuple

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.exceptions import RetryError
from django_taskq.jobs.backoff import FURTHEST, MOST_TRIES, BackoffRule, check_backoff, delay_of
from django_taskq.middleware.base import Middleware, Rule


class FailedTry(NamedTuple):
    """A try that has just failed: what there is to decide by whether there is another one.

    `tries` counts the failed ones, this one included. `max_tries` and `backoff` are the job's
    own, or the backend's where the task says nothing. `spread` stands in for that of MaxTries.
    """

    exception: BaseException
    job: JobContext
    tries: int
    max_tries: int | None
    backoff: BackoffRule
    spread: Callable[[], float] | None = None


def check_max_tries(value: Any) -> str | None:
    """Return what is wrong with a number of tries, or None where it can be used."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and 1 <= value <= MOST_TRIES:
        return None
    return f"expected a whole number from 1 to {MOST_TRIES}, got {value!r}"


class MaxTries(Middleware):
    """Decides whether a job that failed runs again, and when.

    It wraps nothing: it is asked once the whole stack has been left, with what came out of it.
    As a context manager it would have to exchange that for its decision, and whatever stands
    further out would see the decision instead of the failure. Of several in one stack the
    innermost is asked. RejectError ends a job without a question.

    `spread` returns a number in [0, 1) for the jitter of delays.
    """

    options: ClassVar[Mapping[str, Rule]] = {
        "max_tries": check_max_tries,
        "backoff": check_backoff,
    }

    def __init__(self, spread: Callable[[], float] = random.random) -> None:
        self.spread = spread

    def concerns(self, task: DjangoTask) -> bool:
        """Tell that there is nothing to do around an attempt."""
        return False

    def __call__(self, job: JobContext, task: DjangoTask) -> AbstractContextManager[Any]:
        """Return what does nothing, for a subclass that does wrap attempts and asks for it."""
        return nullcontext()

    def delay_after(self, failed: FailedTry) -> float | None:
        """Return the seconds before the next try, None where there is none.

        What it raises ends the job, with a note of it in what the try raised.
        """
        if failed.max_tries is not None:
            if failed.tries >= failed.max_tries:
                return None
        elif not isinstance(failed.exception, RetryError):
            return None
        return delay_by_rule(failed, failed.spread or self.spread)


def delay_asked_for(failed: FailedTry) -> float | None:
    """Return the delay of a RetryError, None for any other exception: tries without MaxTries."""
    if not isinstance(failed.exception, RetryError):
        return None
    return delay_by_rule(failed, failed.spread or random.random)


def delay_by_rule(failed: FailedTry, spread: Callable[[], float]) -> float | None:
    """Return the delay that a RetryError asks for, or else that of the backoff rule."""
    error = failed.exception
    if isinstance(error, RetryError) and error.delay is not None:
        return min(FURTHEST, max(0.0, error.delay))
    return delay_of(failed.backoff, failed.tries, error, failed.job.task_result, spread)
