"""What is told of enqueued jobs, and of those that are missing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction
from django.tasks.exceptions import InvalidTaskBackend
from django.test import TestCase, override_settings

from django_taskq.testing import (
    assert_enqueued,
    assert_not_enqueued,
    enqueued,
    held,
    results,
    run_jobs,
)
from tests.aliases import with_options
from tests.app import tasks

AT = datetime(2031, 3, 1, tzinfo=UTC)


def test_unfinished_jobs_are_listed_in_the_order_of_enqueueing(alias: str) -> None:
    echo = tasks.echo.using(backend=alias)
    first = echo.using(priority=-3).enqueue(1)
    other = tasks.nothing.using(backend=alias).enqueue()
    last = echo.using(run_after=AT, queue_name="emails", tenant="acme").enqueue(2, more=True)
    assert enqueued(echo) == [first, last]
    assert enqueued(backend=alias) == [first, other, last]
    options = enqueued(echo)[1].task
    assert (options.run_after, options.queue_name, options.tenant) == (AT, "emails", "acme")
    run_jobs(alias)
    assert enqueued(backend=alias) == [last]
    assert [each.status for each in results(backend=alias)] == ["SUCCESSFUL", "SUCCESSFUL", "READY"]


def test_results_have_the_errors_of_their_tries(alias: str) -> None:
    fail = tasks.fail.using(backend=alias)
    fail.enqueue("KeyError")
    run_jobs(alias)
    assert [error.exception_class for error in results(fail)[0].errors] == [KeyError]


def test_what_is_as_wanted_is_returned(alias: str) -> None:
    echo = tasks.echo.using(backend=alias)
    result = echo.using(
        run_after=timedelta(hours=1), priority=7, tenant="acme", queue_name="q", metadata={"a": [1]}
    ).enqueue([1, 2], more="x")
    assert assert_enqueued(
        echo,
        args=([1, 2],),
        kwargs={"more": "x"},
        queue="q",
        tenant="acme",
        priority=7,
        run_after=timedelta(hours=1),
        metadata={"a": (1,)},
        count=1,
    ) == [result]
    assert_not_enqueued(echo, run_after=timedelta(hours=2))
    assert_not_enqueued(echo, args=[[1]])
    assert_not_enqueued(tasks.nothing, backend=alias)


def test_what_is_missing_is_told_with_what_is_there_instead(alias: str) -> None:
    echo = tasks.echo.using(backend=alias)
    echo.using(queue_name="q", priority=7).enqueue(1, more="x")
    with pytest.raises(AssertionError) as raised:
        assert_enqueued(echo, args=[2], queue="q")
    assert str(raised.value) == (
        "Expected at least 1 unfinished job of tests.app.tasks.echo with args=[2], queue='q', got "
        f"0. Unfinished in {alias!r}:\n  tests.app.tasks.echo(1, more='x') READY queue=q priority=7"
    )
    with pytest.raises(AssertionError, match=r"Expected 2 unfinished job\(s\).*echo, got 1"):
        assert_enqueued(echo, count=2)
    with pytest.raises(AssertionError, match="Expected no unfinished job, got 1"):
        assert_not_enqueued(backend=alias)
    assert_not_enqueued(tasks.nothing, backend=alias)


def test_a_long_list_is_cut(alias: str) -> None:
    tasks.echo.using(backend=alias).enqueue_many([((number,), {}) for number in range(25)])
    with pytest.raises(AssertionError, match=r"echo\(19\).*\n  and 5 more$"):
        assert_enqueued(tasks.nothing, backend=alias)
    assert_enqueued(tasks.echo, backend=alias, count=25)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Expected some of args, .* got prio"):
        assert_enqueued(tasks.echo, prio=3)  # type: ignore[call-arg]


@pytest.mark.django_db(databases=["default"])
@pytest.mark.parametrize("alias", ["default", "threads"])
def test_what_waits_for_the_commit_is_told_and_comes_with_it(alias: str) -> None:
    with with_options(alias, ENQUEUE_ON_COMMIT=True), held():
        echo = tasks.echo.using(backend=alias)
        with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
            echo.enqueue("captured")
            with pytest.raises(AssertionError, match="1 more will be stored when the transaction"):
                assert_enqueued(echo)
        assert_enqueued(echo, args=["captured"], count=1)
        assert [each.return_value for each in run_jobs(alias)] == ["captured"]
    connections["default"].run_on_commit.clear()


@override_settings(TASKS={"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}})
def test_backends_of_others_are_refused_and_take_our_options() -> None:
    result = tasks.echo.using(max_tries=3, tenant="acme").enqueue(1)
    assert result.task.max_tries == 3
    with pytest.raises(InvalidTaskBackend, match="'default' is not one of django_taskq"):
        enqueued()
