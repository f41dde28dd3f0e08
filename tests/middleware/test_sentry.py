"""Sentry gets one trace from enqueue to run, and each failure once."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
import sentry_sdk
from django.core.exceptions import ImproperlyConfigured
from django.tasks import task_backends
from django.tasks.signals import task_finished

from django_taskq import JobContext, RejectError, RetryError, get_job, task, wait
from django_taskq.context import read_headers
from django_taskq.exceptions import ReleaseError
from django_taskq.middleware import Sentry
from tests.aliases import alias_fixture, with_options
from tests.app import tasks
from tests.deadlines import wait_until
from tests.docs.pages import ROOT
from tests.ears import hearing
from tests.middleware.envelopes import DSN, client, forget_client, options, sent
from tests.middleware.layers import Raising
from tests.middleware.standing import standing
from tests.running import running

alias = alias_fixture()
# A forked child has the middlewares that the test has put in place; Python warns of forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SECRET = "4111-1111"


@task
def fail(number: str, kind: str = "ValueError") -> None:
    """Fail with a card's number at hand."""
    raise tasks.exception_of(kind, "no money")


@task
async def afail(number: str, kind: str = "ValueError") -> None:
    """Fail with a card's number at hand."""
    raise tasks.exception_of(kind, "no money")


@task
def log_and_fail(number: str) -> None:
    """Log an exception and let it out, as many do."""
    try:
        raise ValueError("no money")
    except ValueError:
        logging.getLogger("shop").exception("The payment failed.")
        raise


@task(takes_context=True)
def enqueue_next(context: JobContext, alias: str) -> str:
    """Enqueue a job from inside of one; return its id."""
    return str(tasks.echo.using(backend=alias).enqueue("next").id)


@pytest.fixture
def page() -> str:
    """A page of this test alone."""
    return uuid4().hex


@pytest.fixture
def _client(page: str) -> Iterator[None]:
    with client(page):
        yield


with_client = pytest.mark.usefixtures("_client")
either = pytest.mark.parametrize("failing", [fail, afail], ids=["sync", "async"])


def run(alias: str, made: Any, *args: Any, layers: Any = (), **options: Any) -> Any:
    """Run a job inside of Sentry; return it and its result once its end was reported to all."""
    sentry = Sentry()
    with (
        hearing(finished=task_finished) as heard,
        standing(alias, sentry, *layers),
        running(alias),
    ):
        result = made.using(backend=alias, **options).enqueue(*args)
        wait(result, timeout=30)
        wait_until(lambda: ("finished", result.id) in heard, timeout=30, what="the report")
        return result, get_job(result)


def transaction_of(page: str, path: str) -> dict[str, Any]:
    """Return the one transaction of a task's attempts."""
    (found,) = [each for each in sent(page, "transaction") if each["transaction"] == path]
    return found


# The trace.


@with_client
@pytest.mark.parametrize("made", [tasks.echo, tasks.aecho], ids=["sync", "async"])
def test_a_job_runs_in_the_trace_of_who_enqueued_it(alias: str, page: str, made: Any) -> None:
    with sentry_sdk.isolation_scope(), sentry_sdk.start_transaction(name="GET /cart") as request:
        run(alias, made, SECRET, tenant="acme")
    trace = transaction_of(page, made.module_path)["contexts"]["trace"]
    assert trace["trace_id"] == request.trace_id
    assert trace["parent_span_id"] == request.span_id
    assert (trace["op"], trace["status"]) == ("queue.task", "ok")


@with_client
def test_an_attempt_says_whose_it_is_and_nothing_of_its_arguments(alias: str, page: str) -> None:
    result, _ = run(alias, tasks.echo, SECRET, tenant="acme", queue_name="mail")
    transaction = transaction_of(page, tasks.echo.module_path)
    path = "tests.app.tasks.echo"
    assert transaction["tags"] == {
        "tenant": "acme", "task": path, "queue": "mail", "backend": alias, "attempt": "1",
    }  # fmt: skip
    facts = transaction["contexts"]["trace"]["data"]
    assert facts["messaging.system"] == "django_taskq"
    assert facts["messaging.destination.name"] == "mail"
    assert facts["messaging.message.id"] == result.id
    assert facts["messaging.message.retry.count"] == 0
    assert facts["messaging.message.receive.latency"] >= 0
    assert SECRET not in json.dumps(transaction)


@with_client
def test_jobs_that_are_enqueued_outside_of_a_trace_have_one_each(alias: str, page: str) -> None:
    run(alias, tasks.echo, 1)
    run(alias, tasks.echo, 2)
    ids = [each["contexts"]["trace"]["trace_id"] for each in sent(page, "transaction")]
    assert len(ids) == 2
    assert all(ids)


@with_client
def test_what_a_job_enqueues_belongs_to_its_trace(alias: str, page: str) -> None:
    with standing(alias, Sentry()), running(alias):
        result = wait(enqueue_next.using(backend=alias).enqueue(alias), timeout=30)
        wait(tasks.echo.using(backend=alias).get_result(result.return_value), timeout=30)
    one = transaction_of(page, enqueue_next.module_path)["contexts"]["trace"]
    other = transaction_of(page, tasks.echo.module_path)["contexts"]["trace"]
    assert other["trace_id"] == one["trace_id"]
    assert other["parent_span_id"] == one["span_id"]


def test_a_trace_that_is_not_sampled_stays_so(alias: str, page: str) -> None:
    with client(page, traces_sample_rate=0.0):
        _, job = run(alias, fail, SECRET)
    assert sent(page, "transaction") == []
    (event,) = sent(page, "event")
    headers = read_headers(job.trace)
    assert headers["sentry-trace"].split("-")[0] == event["contexts"]["trace"]["trace_id"]


def test_streamed_spans_are_in_the_trace_too(page: str) -> None:
    with client(page, trace_lifecycle="stream"):
        with sentry_sdk.isolation_scope(), sentry_sdk.traces.start_span(name="GET") as request:
            result, _ = run("threads", fail, SECRET, tenant="acme")
        sentry_sdk.get_client().flush(timeout=5)
    (span,) = [each for each in sent(page, "span") if each["name"] == fail.module_path]
    assert (span["trace_id"], span["parent_span_id"]) == (request.trace_id, request.span_id)
    assert span["status"] == "error"
    assert span["attributes"]["messaging.message.id"]["value"] == result.id
    (event,) = sent(page, "event")
    assert event["contexts"]["trace"]["trace_id"] == request.trace_id


# Failures.


@with_client
@either
def test_a_failure_is_captured_once_with_its_tags_in_its_trace(
    alias: str, page: str, failing: Any
) -> None:
    run(alias, failing, SECRET, tenant="acme")
    (event,) = sent(page, "event")
    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", "no money")
    assert exception["mechanism"] == {"type": "django_taskq", "handled": False}
    path = failing.module_path
    assert event["tags"] == {
        "tenant": "acme", "task": path, "queue": "default", "backend": alias, "attempt": "1",
    }  # fmt: skip
    trace = transaction_of(page, path)["contexts"]["trace"]
    assert trace["status"] == "internal_error"
    assert event["contexts"]["trace"]["trace_id"] == trace["trace_id"]
    assert event["contexts"]["trace"]["span_id"] == trace["span_id"]


@with_client
@either
def test_the_traceback_begins_with_the_task(alias: str, page: str, failing: Any) -> None:
    run(alias, failing, SECRET)
    (event,) = sent(page, "event")
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert [frame["function"] for frame in frames] == [failing.name]


def test_without_local_variables_no_argument_is_sent(alias: str, page: str) -> None:
    with client(page, include_local_variables=False):
        run(alias, fail, SECRET)
    assert SECRET not in json.dumps([sent(page, "event"), sent(page, "transaction")])


@with_client
def test_each_failed_try_is_captured_once(alias: str, page: str) -> None:
    run(alias, fail, SECRET, max_tries=3, backoff=0)
    assert [event["tags"]["attempt"] for event in sent(page, "event")] == ["1", "2", "3"]
    attempts = sent(page, "transaction")
    # One trace from the enqueue over all tries.
    assert len({each["contexts"]["trace"]["trace_id"] for each in attempts}) == 1
    assert len({each["contexts"]["trace"]["span_id"] for each in attempts}) == 3


@with_client
def test_what_a_job_logged_itself_is_not_captured_again(alias: str, page: str) -> None:
    run(alias, log_and_fail, SECRET)
    (event,) = sent(page, "event")
    assert (event["logger"], event["tags"]["task"]) == ("shop", log_and_fail.module_path)


@with_client
@pytest.mark.parametrize("kind", ["RejectError", "ReleaseError"])
def test_what_a_middleware_asks_for_is_no_failure(alias: str, page: str, kind: str) -> None:
    error = RejectError("off") if kind == "RejectError" else ReleaseError()

    class Once(Raising):
        def __call__(self, job: Any, task: Any) -> Any:
            self.error = error if get_job(job.task_result).attempt == 1 else None
            return super().__call__(job, task) if self.error else mock.MagicMock()

    run(alias, tasks.echo, 1, layers=[Once(error)])
    assert sent(page, "event") == []
    statuses = [each["contexts"]["trace"]["status"] for each in sent(page, "transaction")]
    assert statuses == (["aborted"] if kind == "RejectError" else ["aborted", "ok"])


@with_client
def test_a_retry_that_a_job_asks_for_is_captured_when_no_try_is_left(alias: str, page: str) -> None:
    run(alias, tasks.ask_again, 5, 0, "busy", max_tries=3, tenant="acme")
    (event,) = sent(page, "event")
    assert event["exception"]["values"][-1]["type"] == RetryError.__name__
    assert (event["tags"]["attempt"], event["tags"]["tenant"]) == ("3", "acme")
    traces = [each["contexts"]["trace"] for each in sent(page, "transaction")]
    assert [trace["status"] for trace in traces] == ["aborted"] * 3
    assert event["contexts"]["trace"]["trace_id"] == traces[0]["trace_id"]


@task(timeout=0.3)
async def ahang() -> None:
    """Wait for longer than it may."""
    await tasks.asyncio.Event().wait()


@task(timeout=0.3)
async def ahang_with(number: str) -> None:
    """Wait for longer than it may, with a card's number at hand."""
    await tasks.asyncio.Event().wait()


@with_client
def test_a_time_limit_is_captured_in_the_trace_though_no_middleware_sees_it(
    alias: str, page: str
) -> None:
    _, job = run(alias, ahang, tenant="acme", max_tries=2, backoff=0)
    events = sent(page, "event")
    assert [each["exception"]["values"][-1]["type"] for each in events] == ["TaskTimeout"] * 2
    assert [each["tags"]["attempt"] for each in events] == ["1", "2"]
    assert {each["tags"]["tenant"] for each in events} == {"acme"}
    trace = read_headers(job.trace)["sentry-trace"].split("-")[0]
    assert {each["contexts"]["trace"]["trace_id"] for each in events} == {trace}
    statuses = {each["contexts"]["trace"]["status"] for each in sent(page, "transaction")}
    assert statuses == {"cancelled"}


@with_client
@pytest.mark.parametrize("made", [tasks.unwritable, tasks.aunwritable], ids=["sync", "async"])
def test_a_result_that_cannot_be_stored_is_captured_once(alias: str, page: str, made: Any) -> None:
    run(alias, made, "set", tenant="acme")
    (event,) = sent(page, "event")
    assert event["exception"]["values"][-1]["type"] == "TypeError"
    assert (event["tags"]["task"], event["tags"]["tenant"]) == (made.module_path, "acme")


@with_client
def test_a_time_limit_tells_nothing_of_arguments(alias: str, page: str) -> None:
    run(alias, ahang_with, SECRET)
    (event,) = sent(page, "event")
    frames = [
        (frame["function"], SECRET in json.dumps(frame.get("vars", {})))
        for value in event["exception"]["values"]
        for frame in (value.get("stacktrace") or {}).get("frames", [])
    ]
    # What stands in the frames of the job itself is the SDK's to send, or not.
    assert [name for name, tells in frames if tells and name != "ahang_with"] == []


@task(max_tries=1)
def die() -> None:
    """Take the process down."""
    os._exit(3)


@with_client
def test_a_job_whose_process_died_is_captured_in_its_trace(page: str) -> None:
    _, job = run("processes", die, tenant="acme")
    (event,) = sent(page, "event")
    assert event["exception"]["values"][-1]["type"] == "JobLost"
    assert (event["tags"]["task"], event["tags"]["tenant"]) == (die.module_path, "acme")
    trace = read_headers(job.trace)["sentry-trace"].split("-")[0]
    assert event["contexts"]["trace"]["trace_id"] == trace


@with_client
def test_failures_of_jobs_without_it_are_left_to_django(page: str) -> None:
    Sentry()
    with hearing(finished=task_finished) as heard, standing("threads"):
        wait(fail.using(backend="threads").enqueue(SECRET), timeout=30)
        wait_until(lambda: heard, timeout=30, what="the report")
    (event,) = sent(page, "event")
    assert event["logger"] == "django.tasks"


# The client.


def test_without_a_client_and_a_dsn_nothing_happens(alias: str, page: str) -> None:
    _, job = run(alias, fail, SECRET)
    assert job.trace is None
    assert not sentry_sdk.is_initialized()


def test_with_a_dsn_a_client_is_set_up_when_it_is_first_needed(alias: str, page: str) -> None:
    sentry = Sentry(DSN, **options(page))
    assert not sentry_sdk.is_initialized()
    try:
        with standing(alias, sentry), running(alias):
            result = wait(fail.using(backend=alias).enqueue(SECRET), timeout=30)
            assert sentry_sdk.is_initialized()
    finally:
        forget_client()
    assert result.errors
    assert len(sent(page, "transaction")) == 1


@with_client
def test_the_client_of_the_project_is_left_alone(page: str) -> None:
    mine = sentry_sdk.get_client()
    other = Sentry(DSN, **options(uuid4().hex))
    with standing("threads", other):
        wait(tasks.echo.using(backend="threads").enqueue(1), timeout=30)
    assert sentry_sdk.get_client() is mine
    assert len(sent(page, "transaction")) == 1


def test_a_client_that_cannot_be_set_up_fails_no_job(caplog: pytest.LogCaptureFixture) -> None:
    sentry = Sentry(DSN, no_such_option=True)
    with standing("threads", sentry):
        for number in range(2):
            result = wait(tasks.echo.using(backend="threads").enqueue(number), timeout=30)
            assert result.return_value == number
    said = [each for each in caplog.records if each.name == "django_taskq.middleware"]
    assert [each.getMessage() for each in said] == [
        "The client of Sentry could not be set up; nothing is sent to it."
    ]


@with_client
def test_what_waits_is_sent_when_a_worker_stops(alias: str, page: str) -> None:
    with standing(alias, Sentry()):
        with running(alias):
            wait(tasks.echo.using(backend=alias).enqueue(1), timeout=30)
        if alias in ("threads", "processes"):
            task_backends[alias].close()
    # A child of a process pool flushes beside the worker in its parent.
    assert len(sent(page, "flush")) >= (2 if alias == "processes" else 1)


def test_a_missing_package_is_named_with_the_way_to_install_it() -> None:
    with (
        mock.patch.dict(sys.modules, {"sentry_sdk": None}),
        pytest.raises(ImproperlyConfigured, match=r"Sentry needs .*django_taskq\[sentry\]"),
    ):
        Sentry(DSN)


def test_the_system_check_tells_of_a_missing_package() -> None:
    with (
        mock.patch.dict(sys.modules, {"sentry_sdk": None}),
        with_options("threads", MIDDLEWARE=["django_taskq.middleware.Sentry"]),
    ):
        (problem,) = [each for each in task_backends["threads"].check() if "E010" in str(each.id)]
    assert "django_taskq[sentry]" in problem.msg


def test_a_dsn_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(ImproperlyConfigured, match="Expected the dsn"):
        Sentry("not an address")


def test_nothing_is_imported_until_a_middleware_is_made() -> None:
    """A settings module may import them: before the apps, and without the packages."""
    code = (
        "import sys; from django_taskq.middleware import Sentry, OpenTelemetry; "
        "print({'sentry_sdk', 'opentelemetry'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "set()"
