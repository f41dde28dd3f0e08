"""OpenTelemetry gets a span of each enqueue and of each attempt, in one trace."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry import baggage, trace
from opentelemetry import context as contexts
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from django_taskq import JobContext, RejectError, get_job, task, wait
from django_taskq.context import read_headers
from django_taskq.jobs.spec import JobSpec
from django_taskq.middleware import OpenTelemetry
from tests.aliases import alias_fixture
from tests.app import journal, tasks
from tests.deadlines import wait_until
from tests.middleware.layers import Raising
from tests.middleware.standing import standing
from tests.running import running

alias = alias_fixture()
# A forked child has the middlewares that the test has put in place; Python warns of forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SECRET = "4111-1111"
SPEC = JobSpec("id", "shop.tasks.pay", queue="mail", tenant="acme")


class JournalExporter(SpanExporter):
    """Writes spans down where the test finds them, whichever process they are from."""

    def __init__(self, page: str) -> None:
        self.page = page

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them on the page."""
        for span in spans:
            journal.write(self.page, str(span.to_json()))
        return SpanExportResult.SUCCESS


@task
def fail(number: str, kind: str = "ValueError") -> None:
    """Fail with a card's number at hand."""
    raise tasks.exception_of(kind, "no money")


@task
async def afail(number: str, kind: str = "ValueError") -> None:
    """Fail with a card's number at hand."""
    raise tasks.exception_of(kind, "no money")


@task(timeout=0.3)
async def ahang() -> None:
    """Wait for longer than it may."""
    await asyncio.Event().wait()


@task
def around() -> list[Any]:
    """Return the trace that code of the job is in, and a value of its baggage."""
    span = trace.get_current_span().get_span_context()
    return [format(span.trace_id, "032x"), baggage.get_baggage("shop")]


@task
async def aaround() -> list[Any]:
    """Return the trace that code of the job is in, and a value of its baggage."""
    await asyncio.wait_for(asyncio.ensure_future(_nothing()), 20)
    span = trace.get_current_span().get_span_context()
    return [format(span.trace_id, "032x"), baggage.get_baggage("shop")]


async def _nothing() -> None:
    pass


@task(takes_context=True)
def enqueue_next(context: JobContext, alias: str) -> str:
    """Enqueue a job from inside of one; return its id."""
    return str(tasks.echo.using(backend=alias).enqueue("next").id)


@pytest.fixture
def page() -> str:
    """A page of this test alone."""
    return uuid4().hex


@pytest.fixture
def provider(page: str) -> Iterator[TracerProvider]:
    """What exports each span at once, from children too."""
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(JournalExporter(page)))
    yield made
    made.shutdown()


either = pytest.mark.parametrize("failing", [fail, afail], ids=["sync", "async"])


def run(alias: str, provider: Any, made: Any, *args: Any, layers: Any = (), **options: Any) -> Any:
    """Run a job inside of the middleware; return its result and its record."""
    with standing(alias, OpenTelemetry(provider), *layers), running(alias):
        result = wait(made.using(backend=alias, **options).enqueue(*args), timeout=30)
        return result, get_job(result)


def spans(page: str, operation: str, count: int = 1) -> list[dict[str, Any]]:
    """Return the spans of an operation, once there are so many."""

    def found() -> list[dict[str, Any]]:
        read = [json.loads(entry) for entry in journal.read(page)]
        name = "messaging.operation.name"
        return [span for span in read if span["attributes"].get(name) == operation]

    wait_until(lambda: len(found()) >= count, timeout=30, what=f"{count} spans of {operation!r}")
    return found()


def trace_of(span: dict[str, Any]) -> str:
    return str(span["context"]["trace_id"])


# One trace.


@pytest.mark.parametrize("made", [tasks.echo, tasks.aecho], ids=["sync", "async"])
def test_a_job_runs_in_the_trace_of_who_enqueued_it(
    alias: str, page: str, provider: TracerProvider, made: Any
) -> None:
    with provider.get_tracer("shop").start_as_current_span("GET /cart") as request:
        result, _ = run(alias, provider, made, SECRET, tenant="acme", queue_name="mail")
        asked = request.get_span_context()
    (send,), (process,) = spans(page, "send"), spans(page, "process")
    assert send["parent_id"] == f"0x{asked.span_id:016x}"
    assert process["parent_id"] == send["context"]["span_id"]
    assert {trace_of(send), trace_of(process)} == {f"0x{asked.trace_id:032x}"}
    assert (send["kind"], process["kind"]) == ("SpanKind.PRODUCER", "SpanKind.CONSUMER")
    path = made.module_path
    assert (send["name"], process["name"]) == (f"send {path}", f"process {path}")
    same = {
        "messaging.system": "django_taskq", "messaging.destination.name": "mail",
        "messaging.message.id": result.id, "taskq.task": path, "taskq.tenant": "acme",
    }  # fmt: skip
    of_send = {"messaging.operation.name": "send", "messaging.operation.type": "send"}
    of_process = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
    of_attempt = {"taskq.attempt": 1, "taskq.backend": alias}
    assert send["attributes"] == {**same, **of_send}
    assert process["attributes"] == {**same, **of_process, **of_attempt}
    assert process["status"] == {"status_code": "UNSET"}
    assert SECRET not in json.dumps([send, process])


@pytest.mark.parametrize("made", [around, aaround], ids=["sync", "async"])
def test_the_code_of_a_job_is_in_the_trace_with_its_baggage(
    alias: str, page: str, provider: TracerProvider, made: Any
) -> None:
    token = contexts.attach(baggage.set_baggage("shop", "berlin"))
    try:
        result, _ = run(alias, provider, made)
    finally:
        contexts.detach(token)
    (send,) = spans(page, "send")
    assert result.return_value == [trace_of(send).removeprefix("0x"), "berlin"]


def test_what_a_job_enqueues_belongs_to_its_trace(
    alias: str, page: str, provider: TracerProvider
) -> None:
    with standing(alias, OpenTelemetry(provider)), running(alias):
        result = wait(enqueue_next.using(backend=alias).enqueue(alias), timeout=30)
        wait(tasks.echo.using(backend=alias).get_result(result.return_value), timeout=30)
    sends, processes = spans(page, "send", 2), spans(page, "process", 2)
    assert len({trace_of(span) for span in [*sends, *processes]}) == 1
    ids = {span["attributes"]["taskq.task"]: span["context"]["span_id"] for span in processes}
    by_job = {span["attributes"]["taskq.task"]: span["parent_id"] for span in sends}
    assert by_job[tasks.echo.module_path] == ids[enqueue_next.module_path]


def test_each_of_many_jobs_has_a_span_of_its_own(page: str, provider: TracerProvider) -> None:
    with standing("threads", OpenTelemetry(provider)):
        made = tasks.echo.using(backend="threads")
        with provider.get_tracer("shop").start_as_current_span("GET /cart"):
            results = made.enqueue_many([((n,), {}) for n in range(3)])
        for result in results:
            wait(result, timeout=30)
    sends, processes = spans(page, "send", 3), spans(page, "process", 3)
    ids = [result.id for result in results]
    assert [span["attributes"]["messaging.message.id"] for span in sends] == ids
    parents = {span["attributes"]["messaging.message.id"]: span["parent_id"] for span in processes}
    assert parents == {
        span["attributes"]["messaging.message.id"]: span["context"]["span_id"] for span in sends
    }
    assert len({trace_of(span) for span in [*sends, *processes]}) == 1


def test_a_trace_that_is_not_sampled_stays_so(alias: str, page: str) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF)
    provider.add_span_processor(SimpleSpanProcessor(JournalExporter(page)))
    _, job = run(alias, provider, tasks.echo, 1)
    flags = read_headers(job.trace)["traceparent"].rpartition("-")[2]
    assert int(flags, 16) & 1 == 0
    assert journal.read(page) == []


@pytest.mark.parametrize("text", ["", "00-x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_headers_that_lead_nowhere_begin_a_trace(text: str) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    job = mock.Mock(headers={"traceparent": text}, attempt=1, tenant="")
    job.task_result = mock.Mock(id="id", backend="default", task=tasks.echo)
    # Not the span of whatever else runs here either.
    with (
        provider.get_tracer("shop").start_as_current_span("other") as other,
        OpenTelemetry(provider)(job, tasks.echo),
    ):
        pass
    span = next(each for each in exporter.get_finished_spans() if each.name != "other")
    assert span.parent is None
    assert span.context.trace_id != other.get_span_context().trace_id


# Failures.


@either
def test_a_failure_is_recorded_once(
    alias: str, page: str, provider: TracerProvider, failing: Any
) -> None:
    run(alias, provider, failing, SECRET)
    (span,) = spans(page, "process")
    (event,) = span["events"]
    assert event["name"] == "exception"
    assert event["attributes"]["exception.type"] == "ValueError"
    assert event["attributes"]["exception.message"] == "no money"
    assert "raise tasks.exception_of" in event["attributes"]["exception.stacktrace"]
    assert span["status"] == {"status_code": "ERROR", "description": "ValueError: no money"}
    assert span["attributes"]["error.type"] == "ValueError"
    assert SECRET not in json.dumps(span)


def test_each_try_is_a_span_below_the_same_enqueue(
    alias: str, page: str, provider: TracerProvider
) -> None:
    run(alias, provider, tasks.succeed_on, 3, max_tries=3, backoff=0)
    (send,), tries = spans(page, "send"), spans(page, "process", 3)
    assert [span["attributes"]["taskq.attempt"] for span in tries] == [1, 2, 3]
    assert {span["parent_id"] for span in tries} == {send["context"]["span_id"]}
    assert [span["status"]["status_code"] for span in tries] == ["ERROR", "ERROR", "UNSET"]


@either
def test_even_what_is_no_exception_is_recorded(
    alias: str, page: str, provider: TracerProvider, failing: Any
) -> None:
    result, _ = run(alias, provider, failing, SECRET, "SystemExit")
    assert len(result.errors) == 1
    (span,) = spans(page, "process")
    assert (span["attributes"]["error.type"], len(span["events"])) == ("SystemExit", 1)


def test_what_a_job_asks_for_is_no_failure(alias: str, page: str, provider: TracerProvider) -> None:
    run(alias, provider, tasks.ask_again, 1)
    first, second = spans(page, "process", 2)
    assert (first["status"], first["events"]) == ({"status_code": "UNSET"}, [])
    assert first["attributes"]["taskq.raised"] == "RetryError"
    assert "taskq.raised" not in second["attributes"]


def test_a_rejection_by_a_middleware_is_no_failure(
    alias: str, page: str, provider: TracerProvider
) -> None:
    run(alias, provider, tasks.echo, 1, layers=[Raising(RejectError("off"))])
    (span,) = spans(page, "process")
    assert (span["status"], span["events"]) == ({"status_code": "UNSET"}, [])


def test_an_async_job_that_is_ended_from_outside_has_a_span_that_says_so(
    alias: str, page: str, provider: TracerProvider
) -> None:
    run(alias, provider, ahang)
    (span,) = spans(page, "process")
    assert span["status"]["status_code"] == "ERROR"
    assert span["status"]["description"].startswith("The attempt was canceled")
    assert (span["attributes"]["error.type"], span["events"]) == ("CancelledError", [])


def test_a_text_that_cannot_be_made_hides_no_failure(page: str, provider: TracerProvider) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise LookupError("no text")

    job = mock.Mock(headers={}, attempt=1, tenant="")
    job.task_result = mock.Mock(id="id", backend="default", task=tasks.echo)
    with pytest.raises(Odd), OpenTelemetry(provider)(job, tasks.echo):
        raise Odd
    (span,) = spans(page, "process")
    assert span["status"] == {"status_code": "ERROR", "description": "Odd"}


# The provider.


def test_without_an_sdk_nothing_is_sent_along(alias: str) -> None:
    result, job = run(alias, trace.NoOpTracerProvider(), tasks.echo, 1)
    assert (result.return_value, job.trace) == (1, None)


def test_the_provider_of_the_process_is_used_however_late_it_is_set(page: str) -> None:
    middleware = OpenTelemetry()
    provider = TracerProvider()
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    assert middleware.headers(SPEC, tasks.echo) == {}
    with mock.patch.object(trace, "_TRACER_PROVIDER", provider):
        headers = middleware.headers(SPEC, tasks.echo)
    (span,) = exporter.get_finished_spans()
    assert format(span.context.span_id, "016x") in headers["traceparent"]


def test_what_waits_is_exported_when_a_worker_stops(alias: str, page: str) -> None:
    provider = TracerProvider()
    # Of itself it would export nothing within this test.
    provider.add_span_processor(
        BatchSpanProcessor(JournalExporter(page), schedule_delay_millis=3_600_000)
    )
    with standing(alias, OpenTelemetry(provider)):
        with running(alias):
            wait(tasks.echo.using(backend=alias).enqueue(1), timeout=30)
        if alias in ("threads", "processes"):
            tasks.echo.using(backend=alias).get_backend().close()
        # A child of a process pool has exported its own before it ended.
        spans(page, "send")
        spans(page, "process")
    provider.shutdown()


def test_a_missing_package_is_named_with_the_way_to_install_it() -> None:
    with (
        mock.patch.dict(sys.modules, {"opentelemetry.trace": None}),
        pytest.raises(ImproperlyConfigured, match=r"OpenTelemetry needs .*\[opentelemetry\]"),
    ):
        OpenTelemetry()
