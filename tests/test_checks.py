"""System checks of TASKS entries: every key, every bad value, and what they say."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.tasks import task_backends
from django.tasks.checks import check_tasks
from django.test import override_settings

from django_taskq.exceptions import InvalidOptions
from django_taskq.middleware import MaxAge, MaxTries
from django_taskq.options import (
    COMMON,
    DURABLE,
    POOL,
    RETENTION,
    Options,
    find_problems,
    read_options,
)
from tests.scripts import run_script

DATABASE = "django_taskq.backends.DatabaseBackend"
THREADS = "django_taskq.backends.ThreadPoolBackend"

NONE_OF_THESE = ["x", -1, 1.5, True, [], {}]
GOOD: dict[str, list[Any]] = {
    "MIDDLEWARE": [(), ("django_taskq.middleware.MaxTries",), (MaxTries, MaxAge())],
    "MAX_TRIES": [None, 1, 5],
    "BACKOFF": ["exponential", "linear", 0, 2.5, [1, 2.5], (3,), lambda error, result: 1],
    "TENANT_SHARE": [None, 0.5, 1],
    "PRIORITY_AGING": [None, 0.5, 30, timedelta(minutes=1)],
    "TIMEOUT": [None, 0.5, 30, timedelta(minutes=5)],
    "MAX_LOST": [1, 3],
    "TENANT": [None, "tests.test_checks.tenant_of_tests"],
    "ENQUEUE_ON_COMMIT": [True, False, "default"],
    "UNLOADABLE_GRACE": [0, 0.5, 60, timedelta(minutes=5)],
    "XCOM_TTL": [0, 0.5, 3600, timedelta(days=36_500)],
    "XCOM_MAX_BYTES": [1, 262_144],
    "MAX_MAP_LENGTH": [1, 10_000],
    "MISSING_DEPENDENCY": ["refuse", "wait"],
    "DATABASE": [None, "default", "postgresql"],
    "LEASE": [1, 30, 2.5, timedelta(seconds=90)],
    "POLL_INTERVAL": [0.01, 1, timedelta(milliseconds=50)],
    "RETENTION": [
        {},
        {"successful": None},
        {"failed": 0, "canceled": 0.5},
        {"failed": timedelta(days=2)},
    ],
    "MAX_WORKERS": [None, 1, 10],
    "MAX_RESULTS": [0, 1000],
    "SCHEDULER": [True, False],
}
BAD: dict[str, list[Any]] = {
    "MIDDLEWARE": [None, "django_taskq.middleware.MaxTries", MaxTries, 5, {}],
    "MAX_TRIES": [0, *NONE_OF_THESE],
    "BACKOFF": ["quadratic", -1, True, [], [1, -1], [1, "x"], {}, None, float("nan")],
    "MAX_LOST": [0, None, *NONE_OF_THESE],
    "TENANT_SHARE": [0, -0.5, 1.1, True, "0.5", [], float("nan"), float("inf")],
    "PRIORITY_AGING": [0, -1, True, "30", [], float("nan"), float("inf"), 86401],
    "TIMEOUT": [0, -1, True, "30", [], float("nan"), float("inf"), timedelta(0), 10**9],
    "TENANT": ["", 5, [], True, b"path"],
    "ENQUEUE_ON_COMMIT": ["", None, 1, 0, []],
    "XCOM_TTL": [None, "60", True, -1, float("nan"), float("inf"), timedelta(days=36_501)],
    "MAX_MAP_LENGTH": [None, 0, -1, "1", True, 1.5],
    "MISSING_DEPENDENCY": [None, "", "WAIT", True],
    "XCOM_MAX_BYTES": [None, 0, -1, "1", True, 1.5],
    "UNLOADABLE_GRACE": [None, "60", True, [], -1, float("nan"), timedelta(seconds=-1), 86401],
    "DATABASE": ["", 5, [], True],
    "LEASE": [
        0,
        0.5,
        None,
        "30",
        True,
        float("nan"),
        float("inf"),
        timedelta(0),
        86401,
        10**30,
        [],
        -1,
    ],
    "POLL_INTERVAL": [0, None, "1", True, float("nan"), float("inf"), timedelta(0), -1],
    "RETENTION": [
        None,
        7,
        [],
        {"successful": -1},
        {"successful": "7"},
        {"successful": True},
        {"failed": float("nan")},
        {"failed": float("inf")},
        {"failed": timedelta(days=-1)},
        {"failed": 36501},
        {"failed": 10**400},
        {"lost": 7},
        {1: 7},
    ],
    "MAX_WORKERS": [0, *NONE_OF_THESE],
    "MAX_RESULTS": [None, *NONE_OF_THESE],
    "SCHEDULER": [None, 1, "yes"],
}
READERS = DURABLE | POOL


def tenant_of_tests() -> str:
    return "acme"


def backend_for(key: str) -> str:
    return DATABASE if key in DURABLE else THREADS


def checked(alias: str = "work", **entry: Any) -> list[CheckMessage]:
    with override_settings(TASKS={alias: {"BACKEND": DATABASE, **entry}}):
        return list(check_tasks())


def ids_of(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


# The keys.


def test_every_key_is_tried_with_good_and_with_bad_values() -> None:
    assert set(GOOD) == set(BAD) == set(READERS)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key in GOOD for value in GOOD[key]])
def test_a_good_value_is_taken(key: str, value: Any) -> None:
    options = {key: value}
    assert checked(BACKEND=backend_for(key), OPTIONS=options) == []
    read = getattr(read_options("work", options, READERS), key.lower())
    if isinstance(value, timedelta):
        assert read == value.total_seconds()
    elif key == "RETENTION":
        assert set(read) == set(RETENTION)
    else:
        assert read == value


@pytest.mark.parametrize(("key", "value"), [(key, value) for key in BAD for value in BAD[key]])
def test_a_bad_value_is_an_error_that_names_alias_key_and_value(key: str, value: Any) -> None:
    (message,) = checked(BACKEND=backend_for(key), OPTIONS={key: value})
    assert message.id == "django_taskq.E001"
    assert message.msg.startswith(f"TASKS['work']: Expected OPTIONS[{key!r}] to be ")
    assert message.msg.endswith(f", got {value!r}.")
    assert message.hint == f"Correct {key}, or leave it out."


@pytest.mark.parametrize("key", ["COLOUR", "lease", "", 1, None])
def test_an_unknown_key_is_refused_with_the_keys_there_are(key: Any) -> None:
    (message,) = checked(OPTIONS={key: 1})
    assert message.id == "django_taskq.E001"
    assert f"OPTIONS[{key!r}] is not an option of this backend." in message.msg
    assert "LEASE" in str(message.hint)


@pytest.mark.parametrize("key", sorted(DURABLE.keys() - COMMON.keys()))
def test_a_pool_refuses_the_keys_of_the_database(key: str) -> None:
    (message,) = checked(BACKEND=THREADS, OPTIONS={key: GOOD[key][-1]})
    assert "is not an option of this backend" in message.msg


@pytest.mark.parametrize("key", sorted(POOL.keys() - COMMON.keys()))
def test_the_database_refuses_the_keys_of_a_pool(key: str) -> None:
    (message,) = checked(OPTIONS={key: 5})
    assert "is not an option of this backend" in message.msg


def test_everything_that_is_wrong_is_told_at_once() -> None:
    messages = checked(OPTIONS={"LEASE": 0, "MAX_TRIES": 0, "COLOUR": 1, "XCOM_TTL": -1})
    assert ids_of(messages) == ["django_taskq.E001"] * 4


@pytest.mark.parametrize("given", [[], "LEASE", 5, ("LEASE", 5)])
def test_options_that_are_no_dict_are_refused(given: Any) -> None:
    (problem,) = find_problems(given, DURABLE)
    assert problem.message == f"Expected OPTIONS to be a dict, got {given!r}."


# What else is checked.


def test_an_entry_without_options_is_sound() -> None:
    for path in (DATABASE, THREADS):
        assert checked(BACKEND=path, QUEUES=["default", "emails"]) == []
        assert checked(BACKEND=path, QUEUES=[]) == []


def test_an_alias_that_does_not_fit_its_column_is_refused() -> None:
    assert ids_of(checked("a" * 64)) == []
    (message,) = checked("a" * 65)
    assert message.id == "django_taskq.E002"
    assert ids_of(checked("a\nb")) == ["django_taskq.E002"]


@pytest.mark.parametrize("queue", ["q" * 129, "a\x00b", "a\nb", "\ud800", "", 5, None])
def test_a_queue_name_that_cannot_be_stored_is_refused(queue: Any) -> None:
    (message,) = checked(QUEUES=["default", queue])
    assert message.id == "django_taskq.E003"
    assert "QUEUES" in message.msg


@pytest.mark.parametrize(
    "path", ["no.such.module", "nonsense", "os.sep", "tests.test_checks.missing"]
)
def test_a_tenant_callable_that_cannot_be_called_is_an_error(path: str) -> None:
    (message,) = checked(OPTIONS={"TENANT": path})
    assert message.id == "django_taskq.E004"
    assert repr(path) in message.msg


@pytest.mark.parametrize("key", ["DATABASE", "ENQUEUE_ON_COMMIT"])
def test_a_database_that_is_not_there_is_an_error(key: str) -> None:
    messages = checked(OPTIONS={key: "elsewhere"})
    assert ids_of(messages) == ["django_taskq.E005"]
    assert f"OPTIONS[{key!r}] names the database 'elsewhere'" in messages[0].msg
    assert "postgresql" in str(messages[0].hint)


def test_the_database_backend_needs_the_app() -> None:
    with override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]):
        (message,) = checked()
        assert checked(BACKEND=THREADS) == []
    assert message.id == "django_taskq.E006"
    assert "INSTALLED_APPS" in str(message.hint)


def test_sqlite_without_immediate_transactions_is_a_warning(settings: Any) -> None:
    from django.db import connections

    entry = connections["default"].settings_dict
    options = entry["OPTIONS"]
    assert checked() == []
    try:
        entry["OPTIONS"] = {key: options[key] for key in options if key != "transaction_mode"}
        (message,) = checked()
        assert checked(OPTIONS={"DATABASE": "postgresql"}) == []
        assert checked(BACKEND=THREADS) == []
    finally:
        entry["OPTIONS"] = options
    assert message.id == "django_taskq.W001"
    assert "IMMEDIATE" in str(message.hint)


def test_every_message_has_a_hint_and_names_its_alias() -> None:
    broken = [
        checked(OPTIONS={"LEASE": 0}),
        checked(OPTIONS=[]),
        checked(QUEUES=None),
        checked(RETENTION={}),
        checked("a" * 65),
        checked(QUEUES=["a\nb"]),
        checked(OPTIONS={"TENANT": "nonsense"}),
        checked(OPTIONS={"DATABASE": "elsewhere"}),
    ]
    for messages in broken:
        for message in messages:
            assert message.hint
            assert message.msg.startswith("TASKS['")
            assert message.msg.endswith(".")


def test_queues_written_as_text_are_not_taken_for_their_letters() -> None:
    (message,) = checked(QUEUES="emails")
    assert message.id == "django_taskq.E003"
    assert message.hint == "Write ['emails']."


@pytest.mark.parametrize("queues", [None, 5])
def test_queues_that_are_no_list_are_told_of_and_keep_no_check_from_running(queues: Any) -> None:
    (message,) = checked(QUEUES=queues)
    assert message.id == "django_taskq.E003"
    assert repr(queues) in message.msg


@pytest.mark.parametrize(
    ("key", "way_out"), [("MAX_TRIES", "OPTIONS, as MAX_TRIES"), ("OPTION", "BACKEND, QUEUES")]
)
def test_a_key_beside_options_is_a_warning(key: str, way_out: str) -> None:
    (message,) = checked(**{key: 3})
    assert message.id == "django_taskq.W003"
    assert repr(key) in message.msg
    assert message.hint is not None
    assert way_out in message.hint


def test_the_checks_run_where_nothing_else_of_the_project_uses_tasks() -> None:
    ran = run_script(
        f"""
        import django
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["django_taskq"],
            TASKS={{"default": {{"BACKEND": "{DATABASE}", "OPTIONS": {{"COLOUR": 1}}}}}},
        )
        django.setup()
        from django.core.checks import run_checks
        print(*(message.id for message in run_checks()))
        """,
        uses_databases=False,
    )
    assert "django_taskq.E001" in ran.output.split()


# Middlewares.


@pytest.mark.parametrize("path", [DATABASE, THREADS])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("no.such.Middleware", "ModuleNotFoundError"),
        ("tests.middleware.made.Unfinished", "which has no __call__"),
        ("tests.middleware.made.Demanding", "'dsn'"),
        ("decimal.Decimal", "which is no Middleware"),
        (5, "got 5."),
    ],
)
def test_an_entry_that_is_no_middleware_is_an_error_that_names_it(
    path: str, given: Any, told: str
) -> None:
    (message,) = checked(BACKEND=path, OPTIONS={"MIDDLEWARE": [MaxTries, given]})
    assert message.id == "django_taskq.E010"
    assert message.msg.startswith("TASKS['work']: Expected OPTIONS['MIDDLEWARE'][1] to be ")
    assert repr(given) in message.msg or given.rpartition(".")[2] in message.msg
    assert told in message.msg
    assert message.hint


@pytest.mark.parametrize(("key", "value"), [("MAX_TRIES", 3), ("BACKOFF", "linear")])
def test_a_key_on_which_no_middleware_acts_is_an_error(key: str, value: Any) -> None:
    (message,) = checked(OPTIONS={key: value, "MIDDLEWARE": [MaxAge]})
    assert message.id == "django_taskq.E011"
    assert f"OPTIONS[{key!r}] is given, and none of OPTIONS['MIDDLEWARE']" in message.msg
    assert "MaxTries" in str(message.hint)
    assert checked(OPTIONS={key: value, "MIDDLEWARE": [MaxTries]}) == []
    assert checked(OPTIONS={"MAX_TRIES": None, "MIDDLEWARE": []}) == []
    with override_settings(TASKQ={"MIDDLEWARE": [MaxTries]}):
        assert checked(OPTIONS={key: value, "MIDDLEWARE": []}) == []


def test_a_broken_list_for_all_aliases_is_left_to_its_own_check() -> None:
    for taskq in ([], {"MIDDLEWARE": 5}, {"MIDDLEWARE": ["no.such.Middleware"]}):
        with override_settings(TASKQ=taskq):
            assert checked(OPTIONS={"MAX_TRIES": 3}) == []


# Reading.


def test_bad_options_stop_the_first_use_with_every_reason() -> None:
    entry = {"BACKEND": DATABASE, "OPTIONS": {"LEASE": 0, "COLOUR": 1}}
    with (
        override_settings(TASKS={"work": entry}),
        pytest.raises(InvalidOptions, match=r"TASKS\['work'\].*LEASE.*COLOUR"),
    ):
        _ = task_backends["work"].store  # type: ignore[attr-defined]


def test_options_left_out_have_the_documented_defaults() -> None:
    assert read_options("work", {}, DURABLE) == Options(
        max_tries=None,
        backoff="exponential",
        max_lost=3,
        tenant=None,
        enqueue_on_commit=False,
        database=None,
        lease=30.0,
        poll_interval=1.0,
        retention={"successful": 7.0, "failed": 30.0, "canceled": 7.0},
        max_workers=None,
        max_results=1000,
    )


def test_a_retention_that_names_one_state_keeps_the_others() -> None:
    read = read_options("work", {"RETENTION": {"failed": None}}, DURABLE)
    assert read.retention == {"successful": 7.0, "failed": None, "canceled": 7.0}
