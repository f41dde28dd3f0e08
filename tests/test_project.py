"""The setting TASKQ: what of it is refused, and what its pools are read into."""

from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

from django_taskq.checks import check_middleware, check_pools, check_project
from django_taskq.exceptions import InvalidOptions
from django_taskq.jobs.tenants import Tenants
from django_taskq.middleware import MaxAge
from django_taskq.named_pools import NamedPool
from django_taskq.project import read_pools


def checked(taskq: Any) -> list[CheckMessage]:
    with override_settings(TASKQ=taskq):
        return [*check_project(), *check_pools(), *check_middleware()]


def problem_of(pool: Any, name: Any = "mail") -> CheckMessage:
    (message,) = checked({"WORKERS": {name: pool}})
    assert message.id == "django_taskq.E009"
    assert message.hint
    assert message.msg.endswith(".")
    return message


@pytest.mark.parametrize(
    "taskq",
    [
        {},
        {"WORKERS": {}},
        {"MIDDLEWARE": []},
        {"SCHEDULES": []},
        {"SCHEDULES": ("shop.schedules",)},
        {"MIDDLEWARE": ("django_taskq.middleware.MaxAge", MaxAge, MaxAge())},
        {"WORKERS": {"mail": {}}},
        {"WORKERS": {"mail": {"backend": "default", "queues": ("a",), "threads": 1}}},
        {"WORKERS": {"mail": {"backend": ["default", "postgresql"], "exclude_queues": {"a"}}}},
        {"WORKERS": {"acme": {"tenants": ["", "a"], "steal": "*", "async_concurrency": 5}}},
        {"WORKERS": {"acme": {"tenants": ["a"], "steal": ["b"], "poll_interval": 0.01}}},
        {"WORKERS": {"acme": {"tenants": None, "steal": None, "threads": None}}},
    ],
)
def test_good_settings_have_nothing_to_say(taskq: Any) -> None:
    assert checked(taskq) == []


@pytest.mark.parametrize("key", ["workers", "POOLS", "", 5])
def test_an_unknown_key_is_refused_with_those_there_are(key: Any) -> None:
    (message,) = checked({key: {}})
    assert (message.id, message.hint) == (
        "django_taskq.E008",
        "Remove it, or use one of MASKED_ARGUMENTS, MIDDLEWARE, MONITORING, SCHEDULES, WORKERS.",
    )
    assert f"TASKQ[{key!r}] is not a key of TASKQ." in message.msg


@pytest.mark.parametrize("taskq", [[], "WORKERS", 5])
def test_a_setting_that_is_no_dict_is_refused(taskq: Any) -> None:
    (message,) = checked(taskq)
    assert message.id == "django_taskq.E008"
    assert f"expected a dict, got {taskq!r}" in message.msg


@pytest.mark.parametrize("given", ["a.path", 5, None, {}])
def test_middlewares_that_are_no_list_are_refused(given: Any) -> None:
    (message,) = checked({"MIDDLEWARE": given})
    assert (message.id, message.hint) == (
        "django_taskq.E008",
        "Correct MIDDLEWARE, or leave it out.",
    )
    listed = "a list of dotted paths, classes or instances"
    assert message.msg == f"TASKQ['MIDDLEWARE']: expected {listed}, got {given!r}."


def test_an_entry_that_is_no_middleware_is_told_once_for_all_aliases() -> None:
    (message,) = checked({"MIDDLEWARE": ["django_taskq.middleware.MaxAge", "no.such.Thing"]})
    assert message.id == "django_taskq.E010"
    assert message.msg.startswith("Expected TASKQ['MIDDLEWARE'][1] to be the dotted path of a ")
    assert "got 'no.such.Thing': ModuleNotFoundError" in message.msg
    assert message.hint


@pytest.mark.parametrize("pools", [[], ["mail"], "mail"])
def test_pools_that_are_no_dict_are_refused(pools: Any) -> None:
    (message,) = checked({"WORKERS": pools})
    assert message.id == "django_taskq.E009"
    assert message.msg == f"TASKQ['WORKERS']: expected a dict of pools by name, got {pools!r}."


@pytest.mark.parametrize("name", ["", "-x", "a\nb", "x" * 41, 5, None])
def test_a_pool_whose_name_no_command_line_could_hold_is_refused(name: Any) -> None:
    assert problem_of({}, name).hint == "Give the pool another name."


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        ("emails", "expected a dict, got 'emails'"),
        ({"thread": 4}, "'thread' is not a key of a pool"),
        ({"threads": 0}, "'threads': expected a whole number of at least 1, got 0"),
        ({"threads": True}, "'threads': expected a whole number of at least 1, got True"),
        ({"threads": "4"}, "'threads': expected a whole number of at least 1, got '4'"),
        ({"async_concurrency": 0}, "'async_concurrency': expected a whole number"),
        ({"queues": "emails"}, "'queues': expected a list of names, got 'emails'"),
        ({"queues": []}, "'queues': expected at least one name, got none"),
        ({"queues": [""]}, "'queues': expected a name, got ''"),
        ({"exclude_queues": ["x" * 129]}, "'exclude_queues': expected text of at most 128"),
        ({"tenants": "acme"}, "'tenants': expected a list of names, got 'acme'"),
        ({"tenants": "*"}, "'tenants': expected a list of names, got '*'"),
        ({"tenants": [5]}, "'tenants': expected text of at most 128 characters, got 5"),
        ({"tenants": ["a"], "steal": "b"}, "'steal': expected a list of names, got 'b'"),
        ({"steal": ["b"]}, "'steal' without 'tenants'"),
        ({"steal": "*"}, "'steal' without 'tenants'"),
        ({"poll_interval": 0}, "'poll_interval': expected seconds from 0.01 to 86400, got 0"),
        ({"poll_interval": float("nan")}, "'poll_interval': expected seconds"),
        ({"backend": "nowhere"}, "'backend': TASKS has no alias 'nowhere'; it has default"),
        ({"backend": ["default", "threads"]}, "'threads' is worked by its own process"),
        ({"backend": []}, "'backend': expected an alias of TASKS, or a list of them, got []"),
        ({"backend": 5}, "'backend': expected an alias of TASKS, or a list of them, got 5"),
        ({"backend": [["default"]]}, "'backend': expected an alias of TASKS, or a list of them"),
    ],
)
def test_a_bad_pool_is_an_error_that_names_pool_key_and_value(pool: Any, told: str) -> None:
    message = problem_of(pool)
    assert message.msg.startswith("TASKQ['WORKERS']['mail']: ")
    assert told in message.msg


def test_an_unknown_key_of_a_pool_is_answered_with_those_there_are() -> None:
    hint = str(problem_of({"thread": 4}).hint)
    assert "backend, queues, exclude_queues, tenants, steal, threads" in hint


def test_everything_that_is_wrong_is_told_at_once() -> None:
    messages = checked({"POOLS": 1, "WORKERS": {"a": {"threads": 0, "queues": "q"}, "b": 5}})
    assert [message.id for message in messages] == ["django_taskq.E008"] + ["django_taskq.E009"] * 3


def test_an_alias_that_cannot_be_loaded_is_told_and_breaks_no_check() -> None:
    broken = {"default": {"BACKEND": "no.such.Backend"}}
    with override_settings(TASKS=broken):
        message = problem_of({"backend": "default"})
    assert "'default' cannot be used" in message.msg


def test_the_checks_of_a_project_find_a_bad_pool() -> None:
    with override_settings(TASKQ={"LATER": 1, "WORKERS": {"mail": {"threads": 0}}}):
        ids = [message.id for message in run_checks()]
    assert {"django_taskq.E008", "django_taskq.E009"} <= set(ids)


def test_pools_are_read_into_values() -> None:
    given = {
        "plain": {},
        "acme": {"tenants": ["b", "a"], "steal": ["b", "c"], "poll_interval": 2},
    }
    with override_settings(TASKQ={"WORKERS": given}):
        assert read_pools() == {
            "plain": NamedPool(),
            "acme": NamedPool(tenants=Tenants(["a", "b"]), steal=Tenants(["c"]), poll_interval=2.0),
        }


def test_bad_settings_are_not_read() -> None:
    with (
        override_settings(TASKQ={"POOLS": 1, "WORKERS": {"mail": {"threads": 0}}}),
        pytest.raises(InvalidOptions, match=r"TASKQ\['POOLS'\].*\['mail'\]: 'threads'"),
    ):
        read_pools()
