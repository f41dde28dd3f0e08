"""`job.ctx` lives with a job across its tries, on every backend."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.tasks import TaskResultStatus

from django_taskq import get_job, requeue, retry, task, wait
from django_taskq.exceptions import ReleaseError
from django_taskq.middleware import MaxTries, Middleware
from tests.aliases import alias_fixture, with_options
from tests.app import journal
from tests.middleware.layers import page_of
from tests.running import running

alias = alias_fixture()
# Python warns of forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@task
def fail_until(page: str, attempt: int) -> str:
    """Fail until the journal has so many entries."""
    if len(journal.read(page)) < attempt:
        raise ValueError("too early")
    return "done"


@task
async def afail_until(page: str, attempt: int) -> str:
    """Fail until the journal has so many entries."""
    return fail_until.func(page, attempt)


class Counting(Middleware):
    """Counts in the ctx, and writes down what stood there before."""

    def __init__(self, releases_at: int = -1, unwritable_at: int = -1) -> None:
        self.releases_at = releases_at
        self.unwritable_at = unwritable_at

    @contextmanager
    def __call__(self, job: Any, task: Any) -> Iterator[None]:
        """Count."""
        seen = job.ctx.get("seen", 0)
        journal.write(page_of(job), str(seen))
        job.ctx["seen"] = seen + 1
        if seen == self.unwritable_at:
            job.ctx["seen"] = {seen}
        if seen == self.releases_at:
            raise ReleaseError(reason="once more")
        yield


@pytest.fixture
def page() -> str:
    """A page of this test alone."""
    return uuid4().hex


@contextmanager
def working(alias: str, layer: Middleware) -> Iterator[None]:
    """Have the jobs of an alias worked inside of a middleware."""
    forking = {"START_METHOD": "fork"} if alias == "processes" else {}
    with with_options(alias, MIDDLEWARE=[MaxTries, layer], **forking), running(alias):
        yield


either = pytest.mark.parametrize("made", [fail_until, afail_until], ids=["sync", "async"])


@either
def test_each_try_finds_what_the_one_before_has_left(alias: str, page: str, made: Any) -> None:
    with working(alias, Counting()):
        result = made.using(backend=alias, max_tries=5, backoff=0).enqueue(page, 3)
        assert wait(result, timeout=30).return_value == "done"
    assert journal.read(page) == ["0", "1", "2"]


def test_a_release_keeps_it_at_no_cost(alias: str, page: str) -> None:
    with working(alias, Counting(releases_at=0)):
        result = fail_until.using(backend=alias, max_tries=1).enqueue(page, 2)
        assert wait(result, timeout=30).return_value == "done"
        job = get_job(result)
    assert journal.read(page) == ["0", "1"]
    assert (job.tries, job.attempt) == (1, 2)


def test_a_retry_by_an_operator_keeps_it_and_a_copy_begins_anew(alias: str, page: str) -> None:
    with working(alias, Counting()):
        result = fail_until.using(backend=alias).enqueue(page, 2)
        assert wait(result, timeout=30).status is TaskResultStatus.FAILED
        retry(result)
        assert wait(result, timeout=30).return_value == "done"
        wait(requeue(result), timeout=30)
    assert journal.read(page) == ["0", "1", "0"]


@either
def test_what_is_no_json_is_told_and_the_job_goes_on(alias: str, page: str, made: Any) -> None:
    with working(alias, Counting(unwritable_at=1)):
        result = made.using(backend=alias, max_tries=9, backoff=0).enqueue(page, 3)
        assert wait(result, timeout=30).return_value == "done"
    # What was stored before stays.
    assert journal.read(page) == ["0", "1", "1"]
    first, second = result.errors
    lost = "What stood in job.ctx is lost: Unsupported type at job.ctx: <class 'set'>."
    assert lost not in first.traceback
    assert lost in second.traceback
