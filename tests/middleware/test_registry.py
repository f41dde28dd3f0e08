"""Each alias has the middlewares that the settings name, made once for a process."""

import os
import sys
from typing import Any

import pytest
from django.test import override_settings

from django_taskq import task
from django_taskq.exceptions import InvalidOptions
from django_taskq.middleware import MaxAge, MaxRate, MaxTries
from django_taskq.middleware.registry import find_problems, stacks_of
from django_taskq.middleware.stack import Broken
from tests.aliases import with_options
from tests.app import tasks
from tests.middleware.layers import Noting
from tests.middleware.made import Plain, Timing

HERE = "tests.middleware.made"
NEVER = "tests.middleware.unimportable.Never"


def work(value: Any = None) -> Any:
    return value


def test_the_default_is_what_is_built_in() -> None:
    kinds = [type(entry.middleware) for entry in stacks_of("threads").shared]
    assert kinds == [MaxTries, MaxAge, MaxRate]


def test_the_middlewares_of_all_aliases_stand_outside_and_those_of_a_task_inside() -> None:
    outer, own, inner = Noting("all"), Noting("alias"), Noting("task")
    made = task(middleware=[inner, f"{HERE}.Plain"])(work)
    with (
        override_settings(TASKQ={"MIDDLEWARE": [outer]}),
        with_options("threads", MIDDLEWARE=[own, MaxTries]),
    ):
        stack = stacks_of("threads").build(made)
        assert stack.plain[:3] == (outer, own, inner)
        assert type(stack.plain[3]) is Plain
        assert stacks_of("default").build(tasks.echo).plain == (outer,)


def test_a_class_has_an_instance_for_each_alias_and_one_for_all_its_tasks() -> None:
    one, other = (task(middleware=[Plain, f"{HERE}.Timing"])(work) for _ in range(2))
    stacks = stacks_of("threads")
    assert stacks.build(one).plain == stacks.build(other).plain
    assert stacks.build(one).plain[0] is not stacks_of("default").build(one).plain[0]


def test_nothing_is_made_before_it_is_needed() -> None:
    before = Plain.made
    with with_options("default", MIDDLEWARE=[Plain, Timing, MaxTries]):
        made = task(max_tries=3)(work).using(max_tries=4)
        assert stacks_of("default") is stacks_of("default")
        assert Plain.made == before
        stacks_of("default").build(made)
        stacks_of("default").build(made)
    assert Plain.made == before + 2


def test_a_task_with_built_in_options_alone_imports_no_middleware_of_the_project() -> None:
    with with_options("default", MIDDLEWARE=[NEVER, "django_taskq.middleware.MaxTries"]):
        assert task(max_tries=3, backoff=5, timeout=1)(work).max_tries == 3
        assert task(middleware=[NEVER])(work).middleware == [NEVER]
    assert "tests.middleware.unimportable" not in sys.modules


def test_changed_settings_make_new_ones() -> None:
    before = stacks_of("threads")
    with override_settings(TASKQ={}):
        within = stacks_of("threads")
        assert within is not before
    assert stacks_of("threads") is not within


def test_a_forked_child_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stacks_of("threads")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert stacks_of("threads") is not before
    assert stacks_of("threads") is stacks_of("threads")


def test_what_is_wrong_is_told_of_an_alias_or_of_all() -> None:
    with (
        override_settings(TASKQ={"MIDDLEWARE": [Plain, NEVER]}),
        with_options("threads", MIDDLEWARE=[MaxTries, 5, Plain]),
    ):
        (own,) = find_problems("threads")
        (everyones,) = find_problems("threads", is_global=True)
    assert own.startswith("TASKS['threads']: Expected OPTIONS['MIDDLEWARE'][1] to be ")
    assert everyones.startswith("Expected TASKQ['MIDDLEWARE'][1] to be ")


@pytest.mark.parametrize(
    ("taskq", "told"),
    [
        ({"MIDDLEWARE": NEVER}, r"TASKQ\['MIDDLEWARE'\]: expected a list of dotted paths"),
        ([], r"TASKQ: expected a dict, got \[\]"),
    ],
)
def test_what_is_no_list_for_all_stops_the_first_use(taskq: Any, told: str) -> None:
    with override_settings(TASKQ=taskq), pytest.raises(InvalidOptions, match=told):
        stacks_of("threads")


def test_what_is_no_list_of_an_alias_stops_the_first_use() -> None:
    wanted = r"TASKS\['threads'\]: Expected OPTIONS\['MIDDLEWARE'\] to be a list of dotted paths"
    with with_options("threads", MIDDLEWARE=NEVER), pytest.raises(InvalidOptions, match=wanted):
        stacks_of("threads")


def test_a_stack_that_cannot_be_built_is_broken_and_built_anew() -> None:
    with with_options("threads", MIDDLEWARE=[NEVER, MaxTries]):
        first, second = (stacks_of("threads").build(tasks.echo) for _ in range(2))
    for stack in (first, second):
        (broken,) = stack.plain
        assert isinstance(broken, Broken)
        assert (stack.is_broken, stack.rated, type(stack.tries)) == (True, (broken,), MaxTries)
    assert first is not second


def test_of_several_that_decide_about_tries_the_innermost_is_asked() -> None:
    first, second, third = MaxTries(), MaxTries(), MaxTries()
    with with_options("threads", MIDDLEWARE=[first, second]):
        assert stacks_of("threads").build(tasks.echo).tries is second
        assert stacks_of("threads").build(task(middleware=[third])(work)).tries is third
    with with_options("threads", MIDDLEWARE=[]):
        assert stacks_of("threads").build(tasks.echo).tries is None
