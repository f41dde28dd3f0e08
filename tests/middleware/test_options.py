"""Task options that a middleware declares are given, checked, read and stored like all others."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.tasks import task_backends
from django.tasks.exceptions import InvalidTask
from django.test import override_settings

from django_taskq import get_job, task, wait
from django_taskq.exceptions import InvalidOptions, InvalidTaskOption
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.middleware import MaxAge, MaxRate, MaxTries
from tests.aliases import alias_fixture, with_options
from tests.app import tasks
from tests.middleware.made import Even, Plain, Timing
from tests.running import run_to_end, running
from tests.test_tasks import decorators

alias = alias_fixture()

NEVER = "tests.middleware.unimportable.Never"
DUMMY = {"BACKEND": "django.tasks.backends.dummy.DummyBackend", "QUEUES": []}


def work(value: Any = None) -> Any:
    return value


@task(middleware=[Timing], warn_after=1.5)
def timed() -> Any:
    """Tell nothing: the stack is what matters."""


# Given and read.


@decorators
@pytest.mark.parametrize("kind", [Timing, "tests.middleware.made.Timing", Timing()])
def test_an_option_of_a_middleware_is_taken_by_the_decorator(decorate: Any, kind: Any) -> None:
    with with_options("default", MIDDLEWARE=[kind, MaxTries]):
        made = decorate(warn_after=2.0, max_tries=2)(work)
        assert (made.warn_after, made.label, made.max_tries) == (2.0, None, 2)
    with override_settings(TASKQ={"MIDDLEWARE": [kind]}):
        assert decorate(label="x")(work).label == "x"
    assert decorate(middleware=[kind], label="y")(work).label == "y"


def test_using_changes_it_and_none_leaves_it() -> None:
    changed = timed.using(warn_after=3, label="x")
    assert (changed.warn_after, changed.label, timed.warn_after) == (3, "x", 1.5)
    assert (changed.using(warn_after=None).warn_after, changed.using().label) == (3, "x")
    assert replace(changed, label="y").warn_after == 3
    assert task(middleware=[Timing], warn_after=None)(work).declared == {}


def test_a_task_with_declared_options_is_equal_and_a_key() -> None:
    assert timed.using(label="x") == timed.using(label="x") != timed.using(label="y")
    assert {timed.using(label="x"): 1}[timed.using(label="x")] == 1
    assert copy.copy(timed) == timed
    assert repr(timed).startswith("Task(")


def test_what_nobody_declares_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'Task' object has no attribute 'colour'"):
        _ = timed.colour
    assert not hasattr(tasks.echo, "warn_after")
    with with_options("default", MIDDLEWARE=[NEVER]):
        assert not hasattr(tasks.echo, "warn_after")


# Checked.


@decorators
@pytest.mark.parametrize("value", ["2", True, [1]])
def test_a_bad_value_is_refused_by_name(decorate: Any, value: Any) -> None:
    with pytest.raises(InvalidTaskOption, match=r"^warn_after: expected float, got"):
        decorate(middleware=[Timing], warn_after=value)(work)
    with pytest.raises(InvalidTaskOption, match=r"^warn_after: expected float, got"):
        timed.using(warn_after=value)


def test_an_option_of_two_middlewares_suits_both() -> None:
    made = task(middleware=[Timing, Even], warn_after=2)(work)
    for value, told in [(3, "expected even, got 3"), (4.5, "expected even, got 4.5")]:
        with pytest.raises(InvalidTaskOption, match=told):
            made.using(warn_after=value)
    with pytest.raises(InvalidTaskOption, match="expected float, got"):
        task(middleware=[Timing, Even], warn_after=[])(work)


@decorators
def test_a_misspelt_option_is_refused_with_what_was_meant(decorate: Any) -> None:
    with pytest.raises(InvalidTaskOption) as raised:
        decorate(max_tires=5)(work)
    told = str(raised.value)
    assert told.startswith("max_tires: unknown option. Did you mean max_tries? Known ones: ")
    with pytest.raises(InvalidTaskOption, match=r"Did you mean warn_after\? .*\bwarn_after\b"):
        decorate(middleware=[Timing], warn_afte=5)(work)
    with pytest.raises(InvalidTaskOption, match=r"^colour: unknown option\. Known ones: "):
        tasks.echo.using(colour=5)


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [
        ("max_age", 5, MaxAge),
        ("max_rate", "1/s", MaxRate),
        ("max_tries", 2, MaxTries),
        ("backoff", 5, MaxTries),
    ],
)
def test_an_option_whose_middleware_was_taken_out_is_refused(
    option: str, value: Any, kind: type
) -> None:
    others = [each for each in (MaxTries, MaxAge, MaxRate) if each is not kind]
    made = task(**{option: value})(work)
    with with_options("default", MIDDLEWARE=others):
        wanted = rf"^{option}: .*'django_taskq\.middleware\.{kind.__name__}'.*TASKS\['default'\]"
        for refused in (lambda: task(**{option: value})(work), made.using):
            with pytest.raises(InvalidTaskOption, match=wanted):
                refused()
        assert task(middleware=[kind], **{option: value})(work)


def test_a_middleware_that_cannot_be_imported_is_told_where_an_option_needs_it() -> None:
    with (
        with_options("default", MIDDLEWARE=[NEVER]),
        pytest.raises(InvalidOptions, match=r"OPTIONS\['MIDDLEWARE'\]\[0\] .*cannot be imported"),
    ):
        task(warn_after=1.0)(work)


@pytest.mark.parametrize("given", ["tests.middleware.made.Plain", 5, [5], [""], [object]])
def test_middlewares_of_a_task_of_the_wrong_shape_are_refused(given: Any) -> None:
    with pytest.raises(InvalidTaskOption, match=r"^middleware: expected "):
        task(middleware=given)(work)


def test_only_the_decorator_takes_middlewares() -> None:
    for refused in (tasks.echo, tasks.echo.s()):
        with pytest.raises(InvalidTaskOption, match=r"^middleware: expected it in @task alone"):
            refused.using(middleware=[Plain])
    with pytest.raises(InvalidTask, match=r"^middleware: expected what @task was given"):
        replace(tasks.echo, middleware=[Plain], backend="threads").enqueue()


def test_another_backend_refuses_what_its_middlewares_do_not_know() -> None:
    with with_options("threads", MIDDLEWARE=[Timing]):
        made = task(backend="threads", warn_after=1)(work)
        with pytest.raises(InvalidTaskOption, match=r"^warn_after: unknown option"):
            made.using(backend="default")


def test_a_backend_of_django_lets_everything_be_as_nobody_knows() -> None:
    with override_settings(TASKS={**settings.TASKS, "dummy": DUMMY}):
        made = task(backend="dummy", warn_after=1)(work)
        assert made.warn_after == 1
        assert not hasattr(made, "label")
        with pytest.raises(InvalidTaskOption, match=r"^warn_after: unknown option"):
            made.using(backend="default")


# With a job.


def test_a_changed_option_travels_with_the_job(alias: str) -> None:
    result = run_to_end(alias, timed.using(backend=alias, warn_after=7).enqueue())
    found = timed.using(backend=alias).get_result(result.id).task
    assert (found.warn_after, found.label) == (7, None)
    assert get_job(result).options == '{"warn_after":7}'


def test_what_a_job_cannot_carry_is_refused_when_it_is_enqueued(alias: str) -> None:
    for value, told in [((1, 2), "expected tuple, got"), ((timedelta(1),), "JSON")]:
        made = timed.using(backend=alias, steps=value)
        with pytest.raises((InvalidTaskOption, TypeError), match=told):
            made.enqueue()


@pytest.mark.parametrize(
    "options",
    [
        '{"middleware": ["tests.middleware.unimportable.Never"]}',
        '{"declared": {"warn_after": "x"}, "func": "os.system", "takes_context": true}',
    ],
)
def test_a_row_decides_nothing_but_options(alias: str, options: str) -> None:
    store: Any = task_backends[alias].store  # type: ignore[attr-defined]
    tasks.nothing.using(backend=alias).enqueue()
    spec = JobSpec(new_id(), tasks.echo.module_path, "[7]", options=options)
    store.insert([spec])
    with running(alias):
        result = wait(tasks.echo.using(backend=alias).get_result(spec.id), timeout=30)
    assert result.return_value == 7


def test_an_option_that_this_process_does_not_know_makes_a_job_unloadable(alias: str) -> None:
    store: Any = task_backends[alias].store  # type: ignore[attr-defined]
    tasks.nothing.using(backend=alias).enqueue()
    spec = JobSpec(new_id(), tasks.echo.module_path, "[7]", options='{"warn_after": 7}')
    store.insert([spec])
    result = run_to_end(alias, tasks.echo.using(backend=alias).get_result(spec.id))
    assert "warn_after: unknown option" in result.errors[0].traceback
    assert get_job(result).failure == "unloadable"
