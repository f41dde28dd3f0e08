"""What callers keep, or send to another process, can be copied and pickled."""

import copy
import pickle  # noqa: TID251  that callers may pickle these is what is tested
from collections.abc import Callable
from typing import Any

import pytest

from django_taskq import DuplicateJob, RejectError, RetryError, XComDoesNotExist, chain
from django_taskq.exceptions import InvalidSchedule, ReleaseError
from tests.app import tasks

ERRORS = [
    RetryError(),
    RetryError(5, "not yet"),
    ReleaseError(2.5, "somebody else first"),
    RejectError("never"),
    DuplicateJob("There is one.", "id", "load"),
    InvalidSchedule("no", "every"),
    XComDoesNotExist("There is none."),
]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  bytes of this line


both_ways = pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])


@both_ways
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_error_keeps_what_it_says(error: Exception, again: Callable[[Any], Any]) -> None:
    made = again(error)
    assert type(made) is type(error)
    assert str(made) == str(error)
    assert vars(made) == vars(error)


@both_ways
def test_a_run_keeps_its_results_by_name(again: Callable[[Any], Any]) -> None:
    run = chain(tasks.echo.s(1), tasks.echo.s(2)).enqueue(backend="threads")
    run.wait(30)
    made = again(run)
    assert made.id == run.id
    assert made.results.names == run.results.names
    assert made.results["echo"].id == run.results["echo"].id
    made.refresh()
    assert made.status == run.status
