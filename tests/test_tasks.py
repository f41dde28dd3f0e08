"""The task decorator, its options, `using`, signatures, and enqueuing many at once."""

import inspect
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.tasks import TaskResult, TaskResultStatus
from django.tasks import task as django_task
from django.tasks.exceptions import InvalidTask, InvalidTaskBackend
from django.tasks.signals import task_enqueued
from django.test import override_settings
from django.utils import timezone

from django_taskq import Priority, Signature, get_job, task
from django_taskq.control import store_of
from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs.filters import JobFilter
from tests.aliases import alias_fixture
from tests.app import tasks
from tests.running import run_due

alias = alias_fixture()

BAD_VALUES = [
    ("tenant", 5),
    ("tenant", "x" * 129),
    ("tenant", "two\nlines"),
    ("tenant", "acme "),
    ("max_tries", 0),
    ("max_tries", True),
    ("max_tries", "3"),
    ("max_tries", 1.5),
    ("max_tries", 1_000_000_001),
    ("backoff", "quadratic"),
    ("backoff", -1),
    ("backoff", True),
    ("backoff", []),
    ("backoff", [1, "2"]),
    ("backoff", float("nan")),
    ("backoff", timedelta(seconds=1)),
    ("metadata", [1]),
    ("metadata", {1: 2}),
    ("metadata", {"a": {1, 2}}),
    ("metadata", {"a": float("nan")}),
    ("max_age", 0),
    ("max_age", "1h"),
    ("max_age", timedelta(days=31)),
    ("max_rate", "10/x"),
    ("max_rate", "0/s"),
    ("max_rate", "1000001/s"),
    ("max_rate", "10 / s"),
    ("max_rate", "10/s\n"),
    ("max_rate", "٣/s"),
    ("max_rate", 10),
    ("max_running", 0),
    ("max_running", True),
    ("max_running", 1_000_001),
    ("max_running", "3"),
    ("task_id", ""),
    ("task_id", "x" * 201),
    ("task_id", "two\nlines"),
    ("task_id", 5),
    ("task_id", "load "),
    ("on_duplicate", "ignore"),
    ("on_duplicate", "RETURN"),
    ("on_duplicate", True),
    ("depends_on", "load"),
    ("depends_on", [""]),
    ("depends_on", [5]),
    ("trigger_rule", "some"),
    ("trigger_rule", True),
    ("queue_name", "q" * 129),
    ("queue_name", "a\x00b"),
    ("push_key", ""),
    ("push_key", "k" * 201),
    ("pull_keys", ["value"]),
    ("pull_keys", {"value": ""}),
    ("pull_keys", {5: "k"}),
    ("pull_keys", {"value": 5}),
    ("pull_defaults", {"value": {1, 2}}),
    ("pull_defaults", {"value": 1}),
    ("auto_xcom", 1),
    ("xcom_ttl", -1),
    ("xcom_ttl", float("nan")),
    ("xcom_ttl", True),
    ("xcom_namespace", "two\nlines"),
]
GOOD_VALUES = [
    ("tenant", ""),
    ("tenant", "é" * 128),
    ("max_tries", 1),
    ("max_tries", 1_000_000_000),
    ("backoff", 0),
    ("backoff", 0.5),
    ("backoff", "exponential"),
    ("backoff", "linear"),
    ("backoff", (1, 2.5, 0)),
    ("metadata", {}),
    ("metadata", {"a": {"b": [None]}}),
    ("max_age", 0.5),
    ("max_age", timedelta(days=30)),
    ("max_rate", "1/h"),
    ("max_rate", "1000000/s"),
    ("max_running", 1),
    ("max_running", 1_000_000),
    ("task_id", "é" * 200),
    ("on_duplicate", "return"),
    ("trigger_rule", "none_failed_min_one_success"),
    ("queue_name", "q" * 128),
    ("push_key", "k" * 200),
    ("pull_keys", {"value": "k"}),
    ("pull_keys", {}),
    ("auto_xcom", False),
    ("xcom_ttl", 0),
    ("xcom_ttl", timedelta(days=36_500)),
    ("xcom_namespace", "a b"),
]
# Since Django 6.1; before, Django's own decorator refused every option that it does not know.
DJANGO_DECORATOR_TAKES_OPTIONS = any(
    parameter.kind is inspect.Parameter.VAR_KEYWORD
    for parameter in inspect.signature(django_task).parameters.values()
)
decorators = pytest.mark.parametrize(
    "decorate",
    [task, *([django_task] if DJANGO_DECORATOR_TAKES_OPTIONS else [])],
    ids=lambda made: made.__module__,
)


def work(value: Any = None) -> Any:
    return value


# Options.


@decorators
@pytest.mark.parametrize(("option", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_by_name(decorate: Any, option: str, value: Any) -> None:
    with pytest.raises(InvalidTaskOption, match=rf"^{option}: "):
        decorate(**{option: value})(work)


@pytest.mark.parametrize(("option", "value"), BAD_VALUES)
def test_using_refuses_a_bad_value_by_name(option: str, value: Any) -> None:
    with pytest.raises((InvalidTaskOption, TypeError), match=option):
        tasks.echo.using(**{option: value})


@decorators
@pytest.mark.parametrize(("option", "value"), GOOD_VALUES)
def test_a_good_value_is_taken(decorate: Any, option: str, value: Any) -> None:
    assert getattr(decorate(**{option: value})(work), option) == value


def test_a_backoff_function_is_taken_by_the_decorator() -> None:
    def rule(exception: BaseException, result: TaskResult) -> float:
        return 1.0

    assert task(backoff=rule)(work).backoff is rule


def test_an_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidTaskOption, match=r"colour.*max_tries"):
        task(colour="red")(work)
    with pytest.raises(InvalidTaskOption, match=r"colour.*max_tries"):
        tasks.echo.using(colour="red")


@pytest.mark.parametrize("option", ["func", "takes_context"])
def test_using_cannot_make_another_task_of_it(option: str) -> None:
    with pytest.raises(InvalidTaskOption, match=option):
        tasks.echo.using(**{option: True})


def test_a_refused_option_is_an_invalid_task_and_a_type_error() -> None:
    assert issubclass(InvalidTaskOption, InvalidTask)
    assert issubclass(InvalidTaskOption, TypeError)


@pytest.mark.parametrize("value", ["tomorrow", 5, timedelta.max])
def test_a_time_to_run_that_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(InvalidTask, match="run_after"):
        tasks.echo.using(run_after=value)


def test_a_delay_counts_from_now() -> None:
    before = timezone.now()
    made = tasks.echo.using(run_after=timedelta(minutes=5))
    after = timezone.now()
    assert made.run_after is not None
    assert before <= made.run_after - timedelta(minutes=5) <= after


def test_metadata_is_merged_into_that_of_the_task() -> None:
    base = task(metadata={"a": 1, "b": 1})(work)
    changed = base.using(metadata={"b": 2, "c": 3})
    assert changed.metadata == {"a": 1, "b": 2, "c": 3}
    assert base.metadata == {"a": 1, "b": 1}
    assert base.using(priority=1).metadata == {"a": 1, "b": 1}


def test_a_task_with_any_options_can_be_a_key() -> None:
    made = task(metadata={"a": [1]}, backoff=[1, 2], tenant="acme", max_tries=2)(work)
    assert {made: 1}[made.using()] == 1


def test_the_levels_of_priority_have_names() -> None:
    levels = {level.name: int(level) for level in Priority}
    assert levels == {
        "VERY_LOW": -80, "LOW": -40, "NORMAL": 0, "HIGH": 40, "VERY_HIGH": 80, "CRITICAL": 100,
    }  # fmt: skip
    assert task(priority=Priority.HIGH)(work).priority == 40


# What is stored with a job.


def test_every_option_is_stored_with_the_job(alias: str) -> None:
    at = timezone.now() + timedelta(hours=1)
    made = tasks.echo.using(
        backend=alias,
        priority=Priority.HIGH,
        queue_name="mail",
        tenant="acme",
        max_tries=4,
        metadata={"source": "test"},
        run_after=at,
    )
    job = get_job(made.enqueue(1))
    assert (job.priority, job.queue, job.tenant, job.max_tries) == (40, "mail", "acme", 4)
    assert job.metadata == {"source": "test"}
    assert job.run_after == at
    assert job.state == "SCHEDULED"


def test_the_result_gives_back_the_task_as_it_was_enqueued(alias: str) -> None:
    made = tasks.echo.using(
        backend=alias, tenant="acme", max_tries=3, backoff=[1, 2], metadata={"a": 1}, priority=-7
    )
    result = made.using(run_after=timedelta(hours=1)).enqueue(1)
    found = made.get_result(result.id)
    assert found.task == result.task
    assert (found.task.tenant, found.task.max_tries, found.task.backoff) == ("acme", 3, [1, 2])


# Calls that are not made yet.


def test_a_signature_is_a_call_that_is_made_later(alias: str) -> None:
    signature = tasks.echo.s(1, more=2).using(backend=alias).using(priority=3)
    assert isinstance(signature, Signature)
    assert (signature.args, dict(signature.kwargs)) == ((1,), {"more": 2})
    results = [signature.enqueue(), async_to_sync(signature.aenqueue)()]
    run_due(alias)
    for result in results:
        result.refresh()
        assert result.return_value == {"value": 1, "more": 2}
        assert result.task.priority == 3
    assert results[0].id != results[1].id


# Many at once.


@pytest.fixture
def enqueued() -> Iterator[list[TaskResult]]:
    heard: list[TaskResult] = []

    def hear(task_result: TaskResult, **kwargs: Any) -> None:
        heard.append(task_result)

    task_enqueued.connect(hear)
    yield heard
    task_enqueued.disconnect(hear)


def test_many_jobs_come_back_in_order_with_a_signal_each(
    alias: str, enqueued: list[TaskResult]
) -> None:
    echo = tasks.echo.using(backend=alias)
    results = echo.enqueue_many(((number,), {"more": -number}) for number in range(100))
    assert [result.args for result in results] == [[number] for number in range(100)]
    assert enqueued == results
    assert {result.status for result in results} == {TaskResultStatus.READY}
    run_due(alias)
    for number, result in enumerate(results):
        result.refresh()
        assert result.return_value == {"value": number, "more": -number}


def test_signatures_of_different_tasks_go_in_one_batch(alias: str) -> None:
    echo, nothing = tasks.echo.using(backend=alias), tasks.nothing.using(backend=alias)
    results = echo.enqueue_many(
        [echo.s(1), ((2,), {}), nothing.s(), echo.using(tenant="acme", queue_name="mail").s(3)]
    )
    assert [result.task.name for result in results] == ["echo", "echo", "nothing", "echo"]
    assert [get_job(result).tenant for result in results] == ["", "", "", "acme"]
    run_due(alias)
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [1, 2, None, 3]


@pytest.mark.parametrize(
    ("bad", "error"),
    [(((float("nan"),), {}), ValueError), (({1, 2}, {"a": object()}), TypeError)],
)
def test_a_bad_call_among_many_stores_none_of_them(
    alias: str, enqueued: list[TaskResult], bad: Any, error: type
) -> None:
    echo = tasks.echo.using(backend=alias)
    with pytest.raises(error):
        echo.enqueue_many([((1,), {}), ((2,), {}), bad])
    assert store_of(alias).find(JobFilter()) == []
    assert enqueued == []


def test_no_calls_are_no_jobs(alias: str, enqueued: list[TaskResult]) -> None:
    assert tasks.echo.using(backend=alias).enqueue_many([]) == []
    assert enqueued == []


def test_a_signature_for_another_backend_is_refused_in_a_batch(alias: str) -> None:
    other = next(name for name in settings.TASKS if name != alias)
    echo = tasks.echo.using(backend=alias)
    with pytest.raises(InvalidTask, match=other):
        echo.enqueue_many([echo.s(1), tasks.echo.using(backend=other).s(2)])
    assert store_of(alias).find(JobFilter()) == []


@pytest.mark.parametrize("kind", ["dummy.DummyBackend", "immediate.ImmediateBackend"])
def test_our_tasks_run_on_the_backends_of_django(kind: str) -> None:
    entry = {"BACKEND": f"django.tasks.backends.{kind}", "QUEUES": []}
    with override_settings(TASKS={**settings.TASKS, "foreign": entry}):
        echo = tasks.echo.using(backend="foreign")
        assert echo.enqueue(1).status in {TaskResultStatus.READY, TaskResultStatus.SUCCESSFUL}
        with pytest.raises(InvalidTaskBackend, match="foreign"):
            echo.enqueue_many([((1,), {})])


@pytest.mark.parametrize(
    "call", [1, (1,), ((1,), [2]), "ab", ((1,), {}, 3), (5, {}), ("ab", {}), ({"a": 1}, {})]
)
def test_a_call_of_the_wrong_shape_is_shown_with_what_was_expected(alias: str, call: Any) -> None:
    with pytest.raises(TypeError, match=r"Expected a call to be \(args, kwargs\) or a Signature"):
        tasks.echo.using(backend=alias).enqueue_many([call])


def test_a_refusal_names_the_options_there_are() -> None:
    for refused in (lambda: tasks.echo.using(colour=1), lambda: task(colour=1)(work)):
        with pytest.raises(InvalidTaskOption, match=r"colour.*depends_on.*max_tries.*push_key"):
            refused()
