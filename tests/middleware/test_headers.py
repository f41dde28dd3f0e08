"""What middlewares send along arrives at each attempt, whatever is wrong with one of them."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from django_taskq import JobContext, RetryError, requeue, retry, task, wait
from django_taskq.context import read_headers
from django_taskq.exceptions import InvalidOptions
from django_taskq.jobs.spec import JobSpec
from django_taskq.middleware import Middleware, headers
from django_taskq.middleware.entries import Entry
from django_taskq.middleware.headers import MOST_BYTES, gather_headers
from django_taskq.middleware.stack import Stacks
from tests.aliases import alias_fixture, with_options
from tests.middleware.layers import Noting
from tests.middleware.standing import standing
from tests.running import running

alias = alias_fixture()
# A forked child has the middlewares that the test has put in place; Python warns of forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

request_id: ContextVar[str] = ContextVar("request_id", default="")


@pytest.fixture(autouse=True)
def _no_complaints_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "_complained_at", {})


SPEC = JobSpec("id", "shop.tasks.pay", queue="mail", tenant="acme")


class Sending(Middleware):
    """Sends what a function makes along."""

    def __init__(self, make: Callable[[JobSpec, Any], Any]) -> None:
        self.make = make

    def headers(self, spec: JobSpec, task: Any) -> dict[str, str]:
        """Make them."""
        made: dict[str, str] = self.make(spec, task)
        return made

    @contextmanager
    def __call__(self, job: Any, task: Any) -> Iterator[None]:
        """Do nothing."""
        yield


class Picky(Sending):
    """Has to do with no task."""

    def concerns(self, task: Any) -> bool:
        """Tell so."""
        return False


class Stamp(Sending):
    """Is made without arguments."""

    def __init__(self) -> None:
        super().__init__(lambda spec, task: {"stamp": "1"})


def make_stamp() -> Middleware:
    return Stamp()


def sending(**sent: Any) -> Sending:
    return Sending(lambda spec, task: sent)


def _fail(spec: JobSpec, task: Any) -> dict[str, str]:
    raise LookupError("no request")


@task(takes_context=True)
def seen(context: JobContext, tries: int = 1) -> list[Any]:
    """Return what came along, in the last of so many tries."""
    if context.attempt < tries:
        raise RetryError(0)
    return [context.attempt, context.headers]


@task(takes_context=True)
async def aseen(context: JobContext, tries: int = 1) -> list[Any]:
    """Return what came along, in the last of so many tries."""
    if context.attempt < tries:
        raise RetryError(0)
    return [context.attempt, context.headers]


def stacks_with(*layers: Middleware) -> Stacks:
    return Stacks([Entry(each, "each of the test's") for each in layers])


def gathered(*layers: Middleware) -> dict[str, str] | None:
    text = gather_headers("default", stacks_with(*layers).senders_of(seen), SPEC, seen)
    return None if text is None else json.loads(text)


# On their way.


@pytest.mark.parametrize("made", [seen, aseen], ids=["sync", "async"])
def test_headers_travel_from_the_enqueue_to_every_try(alias: str, made: Any) -> None:
    asked = Sending(lambda spec, task: {"request": request_id.get(), "tenant": spec.tenant})
    with standing(alias, asked), running(alias):
        request_id.set("r-1")
        one, other = made.using(backend=alias, tenant="acme"), made.using(backend=alias)
        results = [one.enqueue(1), one.enqueue(3)]
        request_id.set("r-2")
        results += other.enqueue_many([((2,), {}), ((), {})])
        assert [wait(result, timeout=30).return_value for result in results] == [
            [1, {"request": "r-1", "tenant": "acme"}],
            [3, {"request": "r-1", "tenant": "acme"}],
            [2, {"request": "r-2", "tenant": ""}],
            [1, {"request": "r-2", "tenant": ""}],
        ]


def test_a_retried_job_has_its_headers_still_and_a_copy_has_none(alias: str) -> None:
    with standing(alias, sending(request="r-1")), running(alias):
        result = seen.using(backend=alias, max_tries=1).enqueue(2)
        assert len(wait(result, timeout=30).errors) == 1
        retry(result)
        assert wait(result, timeout=30).return_value == [2, {"request": "r-1"}]
        copy = requeue(result)
        retry(wait(copy, timeout=30))
        assert wait(copy, timeout=30).return_value == [2, {}]


def test_a_job_without_such_middlewares_has_no_headers(alias: str) -> None:
    with standing(alias, Noting()), running(alias):
        assert wait(seen.using(backend=alias).enqueue(1), timeout=30).return_value == [1, {}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ('{"a":"1","b":"2"}', {"a": "1", "b": "2"}),
        ('{"a":"1","b":2}', {"a": "1"}),
        ("[1]", {}),
        ("{", {}),
    ],
)
def test_stored_headers_that_cannot_be_read_count_as_none(
    text: str | None, expected: dict[str, str]
) -> None:
    assert read_headers(text) == expected


# Gathering.


def test_only_middlewares_with_headers_are_asked() -> None:
    senders = stacks_with(Noting(), sending(a="1"), Picky(_fail)).senders_of(seen)
    assert [type(each) for each in senders] == [Sending]


def test_who_enqueues_makes_no_middleware_that_has_none() -> None:
    entries = [Entry(given, "each") for given in (Noting, Stamp, make_stamp, "tests.aliases")]
    senders = Stacks(entries[:3]).senders_of(seen)
    assert [type(each) for each in senders] == [Stamp, Stamp]
    assert [entry.made is not None for entry in entries] == [False, True, True, False]
    with pytest.raises(InvalidOptions):
        Stacks(entries).senders_of(seen)


def test_the_headers_of_a_stack_are_merged_and_the_inner_ones_count() -> None:
    outer, inner = sending(a="1", b="1"), sending(b="2", c="2")
    assert gathered(outer, Noting(), inner) == {"a": "1", "b": "2", "c": "2"}


def test_a_middleware_sees_the_job_that_it_sends_with() -> None:
    layer = Sending(lambda spec, task: {"about": f"{spec.id} {spec.tenant} {task.name}"})
    assert gathered(layer) == {"about": "id acme seen"}


def test_no_headers_are_stored_as_nothing() -> None:
    assert gathered(sending(), Noting()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        _fail,
        lambda spec, task: {"a": 1},
        lambda spec, task: {1: "a"},
        lambda spec, task: "a=1",
        lambda spec, task: {"a": "x" * MOST_BYTES},
    ],
    ids=["raises", "no text", "no name", "no dict", "too much"],
)
def test_what_is_wrong_with_one_middleware_costs_the_others_nothing(
    wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    senders = stacks_with(sending(a="1"), Sending(wrong), sending(c="3")).senders_of(seen)
    with caplog.at_level(logging.WARNING, "django_taskq.middleware"):
        texts = [gather_headers("default", senders, SPEC, seen) for _ in range(5)]
    assert texts == ['{"a":"1","c":"3"}'] * 5
    # Said once, not at every enqueue.
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("A job of 'default' goes without the headers of Sending: ")


def test_a_complaint_is_repeated_after_a_while(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders = stacks_with(Sending(_fail)).senders_of(seen)
    now = 1000.0
    monkeypatch.setattr("django_taskq.middleware.headers.monotonic", lambda: now)
    counts = []
    for later in (0, 59, 1, 59, 60):
        now += later
        gather_headers("default", senders, SPEC, seen)
        counts.append(len(caplog.records))
    assert counts == [1, 1, 2, 2, 3]


def test_headers_fill_what_is_allowed_to_the_last_byte() -> None:
    room = MOST_BYTES - len('{"a":"1","b":""}')
    full = gathered(sending(a="1"), sending(b="x" * room))
    assert full == {"a": "1", "b": "x" * room}
    assert gathered(sending(a="1"), sending(b="x" * (room + 1))) == {"a": "1"}


def test_a_failing_middleware_keeps_no_job_from_being_enqueued(alias: str) -> None:
    with standing(alias, Sending(_fail)), running(alias):
        assert wait(seen.using(backend=alias).enqueue(), timeout=30).return_value == [1, {}]


def test_a_middleware_that_cannot_be_made_keeps_no_job_from_being_enqueued(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with with_options("threads", MIDDLEWARE=["tests.nowhere.Middleware"]):
        result = wait(seen.using(backend="threads").enqueue(), timeout=30)
        # The attempt says what is wrong.
        assert "tests.nowhere" in result.errors[0].traceback
    said = [each.getMessage() for each in caplog.records]
    assert any("goes without the headers of its middlewares" in each for each in said)
