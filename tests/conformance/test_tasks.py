"""Tasks: the decorator, `using`, validation, names, calls, pickling."""

import asyncio
import inspect
import pickle  # noqa: TID251  that tasks and results pickle is what is tested
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.tasks import task as django_task
from django.tasks import task_backends
from django.tasks.base import Task as DjangoTask
from django.tasks.exceptions import InvalidTask
from django.test import override_settings
from django.utils import timezone
from django.utils.module_loading import import_string

from django_taskq import task
from tests.app import tasks
from tests.conformance.conftest import Drain, On

# Since Django 6.1; before, the decorator refused every option that Django does not know.
DJANGO_DECORATOR_TAKES_OPTIONS = any(
    parameter.kind is inspect.Parameter.VAR_KEYWORD
    for parameter in inspect.signature(django_task).parameters.values()
)
# Since Django 6.1; before, the decorated name hid the function from pickle.
TASKS_PICKLE = hasattr(DjangoTask, "_reconstruct")

DECORATORS = [task, *([django_task] if DJANGO_DECORATOR_TAKES_OPTIONS else [])]
decorators = pytest.mark.parametrize("decorate", DECORATORS, ids=lambda made: made.__module__)
every_decorator = pytest.mark.parametrize(
    "decorate", [task, django_task], ids=lambda made: made.__module__
)


def plain(value: Any) -> Any:
    return value


async def aplain(value: Any) -> Any:
    return value


def with_context(context: Any, value: Any) -> Any:
    return value


def without_context(value: Any) -> Any:
    return value


class Office:
    def write(self, value: Any) -> Any:
        return value


functions = pytest.mark.parametrize("function", [plain, aplain])


@every_decorator
@functions
def test_the_decorator_makes_the_task_class_of_the_backend(
    alias: str, decorate: Any, function: Any
) -> None:
    task_class = task_backends[alias].task_class
    made = decorate(backend=alias)(function)
    assert isinstance(made, task_class)
    assert made.func is function
    assert made.backend == alias


@every_decorator
@functions
def test_the_decorator_needs_no_brackets(alias: str, decorate: Any, function: Any) -> None:
    with override_settings(TASKS={"default": settings.TASKS[alias]}):
        made = decorate(function)
        assert isinstance(made, task_backends["default"].task_class)
        assert made.func is function
        assert made == decorate()(function)


@decorators
def test_the_decorator_takes_our_options_beside_those_of_django(alias: str, decorate: Any) -> None:
    bare = decorate(backend=alias)(plain)
    assert (bare.tenant, bare.max_tries, bare.backoff, bare.metadata) == (None, None, None, None)
    made = decorate(
        backend=alias, priority=3, queue_name="mail", tenant="acme", max_tries=4, backoff=[1, 2]
    )(plain)
    assert (made.priority, made.queue_name, made.backend) == (3, "mail", alias)
    assert (made.tenant, made.max_tries, made.backoff) == ("acme", 4, [1, 2])


@decorators
def test_the_decorator_refuses_unknown_options(alias: str, decorate: Any) -> None:
    with pytest.raises(TypeError, match="colour"):
        decorate(backend=alias, colour="red")(plain)


@every_decorator
def test_the_decorator_refuses_a_time_to_run(alias: str, decorate: Any) -> None:
    with pytest.raises(TypeError, match="run_after"):
        decorate(backend=alias, run_after=timezone.now())(plain)


@every_decorator
@pytest.mark.parametrize("function", [any, Office().write], ids=["built in", "bound method"])
def test_only_functions_of_a_module_become_tasks(alias: str, decorate: Any, function: Any) -> None:
    with pytest.raises(InvalidTask):
        decorate(backend=alias)(function)


def test_a_function_inside_a_function_becomes_no_task(alias: str) -> None:
    def inner() -> None: ...

    with pytest.raises(InvalidTask):
        task(backend=alias)(inner)


@every_decorator
def test_a_task_that_takes_the_context_must_name_it_first(alias: str, decorate: Any) -> None:
    assert decorate(backend=alias, takes_context=True)(with_context).takes_context
    with pytest.raises(InvalidTask, match="context"):
        decorate(backend=alias, takes_context=True)(without_context)


def test_using_without_changes_gives_an_equal_copy(on: On) -> None:
    echo = on(tasks.echo)
    copy = echo.using()
    assert copy == echo
    assert copy is not echo
    assert hash(copy) == hash(echo)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("priority", 7),
        ("queue_name", "mail"),
        ("run_after", datetime(2030, 1, 1, tzinfo=timezone.get_default_timezone())),
        ("tenant", "acme"),
        ("max_tries", 3),
        ("backoff", "linear"),
        ("metadata", {"source": "test"}),
    ],
)
def test_using_changes_the_copy_alone(on: On, option: str, value: Any) -> None:
    echo = on(tasks.echo)
    before = getattr(echo, option)
    changed = echo.using(**{option: value})
    assert getattr(changed, option) == value
    assert getattr(echo, option) == before != value


def test_chained_calls_of_using_add_up(alias: str) -> None:
    later = timezone.now() + timedelta(hours=1)
    changed = (
        tasks.echo.using(priority=5)
        .using(queue_name="mail")
        .using(run_after=later)
        .using(tenant="acme")
        .using(backend=alias, priority=6)
    )
    assert (changed.priority, changed.queue_name, changed.run_after) == (6, "mail", later)
    assert (changed.tenant, changed.backend) == ("acme", alias)


@pytest.mark.parametrize("priority", [-101, 101, 3.1])
def test_a_priority_outside_of_the_scale_is_refused(on: On, priority: float) -> None:
    with pytest.raises(InvalidTask):
        on(tasks.echo).using(priority=priority)


@pytest.mark.parametrize("priority", [-100, 0, 100])
def test_the_ends_of_the_scale_of_priorities_are_taken(on: On, priority: int) -> None:
    assert on(tasks.echo).using(priority=priority).priority == priority


def test_a_naive_time_to_run_is_refused_with_time_zones(on: On) -> None:
    with pytest.raises(InvalidTask, match="aware"):
        on(tasks.echo).using(run_after=datetime(2030, 1, 1))  # noqa: DTZ001


def test_only_the_queues_of_the_alias_are_taken(alias: str) -> None:
    entry = settings.TASKS[alias]
    assert tasks.echo.using(backend=alias, queue_name="anything").queue_name == "anything"
    with override_settings(TASKS={**settings.TASKS, alias: {**entry, "QUEUES": ["mail"]}}):
        assert tasks.echo.using(queue_name="mail").using(backend=alias).queue_name == "mail"
        with pytest.raises(InvalidTask, match="post"):
            tasks.echo.using(queue_name="post").using(backend=alias)


def test_a_task_knows_its_name_and_where_it_stands(on: On) -> None:
    assert on(tasks.echo).name == "echo"
    assert on(tasks.echo).module_path == "tests.app.tasks.echo"
    assert import_string(tasks.echo.module_path) is tasks.echo


def test_a_task_finds_its_backend(alias: str) -> None:
    assert tasks.echo.using(backend=alias).get_backend() == task_backends[alias]


def test_a_task_can_be_called_from_sync_and_async_code(echo: Any) -> None:
    assert echo.call({"a": 1}) == {"a": 1}
    assert asyncio.run(echo.acall({"a": 1})) == {"a": 1}


if TASKS_PICKLE:

    def pickled(value: Any) -> Any:
        return pickle.loads(pickle.dumps(value))  # noqa: S301  bytes of this line

    def test_a_task_survives_pickling(on: On) -> None:
        changed = on(tasks.echo).using(priority=3, queue_name="mail", tenant="acme", max_tries=2)
        assert pickled(changed) == changed
        assert pickled(changed).func is tasks.echo.func

    @pytest.mark.parametrize(
        "path", ["tests.app.tasks.gone", "tests.app.tasks.exception_of", "tests.gone.echo"]
    )
    def test_a_pickled_task_whose_path_leads_elsewhere_is_refused(on: On, path: str) -> None:
        rebuild, (values,) = on(tasks.echo).__reduce__()
        with pytest.raises(ValueError, match=path):
            rebuild({**values, "func": path})

    def test_a_result_survives_pickling(on: On, drain: Drain) -> None:
        result = on(tasks.echo).enqueue(1, more={"a": [None]})
        assert pickled(result) == result
        drain()
        result.refresh()
        assert pickled(result) == result
        assert pickled(result).return_value == {"value": 1, "more": {"a": [None]}}

else:

    def test_tasks_do_not_pickle_on_this_version_of_django(on: On) -> None:
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(on(tasks.echo))
