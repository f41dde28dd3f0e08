"""manage.py tenant: the rows that it writes, what it prints, and the status it ends with."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import override_settings

from django_taskq.control import database_of
from django_taskq.models import Tenant
from tests.app import tasks
from tests.each_database import on_all_databases, on_each_database
from tests.management.calls import call
from tests.stores.jobs import Thread

POOL = {"default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend", "QUEUES": []}}


def columns(alias: str, name: str) -> tuple[Any, ...] | None:
    """Return what the row of a tenant says in the database of an alias."""
    rows = Tenant.objects.using(database_of(alias)).filter(name=name)
    return rows.values_list("weight", "max_running", "max_rate", "paused").first()


def listed(*options: str) -> dict[str, dict[str, Any]]:
    found = call("tenant", "list", "--format", "json", *options).json
    return {tenant["name"]: tenant for tenant in found}


# set


@on_each_database
def test_set_makes_a_row_and_leaves_what_is_not_named(alias: str) -> None:
    called = call(
        "tenant", "set", "acme", "--weight", "3", "--max-rate", "10/s", "--backend", alias
    )
    assert called.status == 0
    assert columns(alias, "acme") == (3, None, "10/s", False)
    call("tenant", "set", "acme", "--max-running", "5", "--backend", alias)
    assert columns(alias, "acme") == (3, 5, "10/s", False)
    assert called.out.splitlines()[1].split() == [
        "acme", "3", "-", "10/s", "no", database_of(alias), "-",
    ]  # fmt: skip


@on_each_database
def test_a_limit_is_taken_away_by_none(alias: str) -> None:
    on = ("--backend", alias)
    call("tenant", "set", "acme", "--max-running", "5", "--max-rate", "10/s", *on)
    called = call("tenant", "set", "acme", "--max-running", "none", *on, "--format", "json")
    assert columns(alias, "acme") == (1, None, "10/s", False)
    call("tenant", "set", "acme", "--max-rate", "NONE", *on)
    assert columns(alias, "acme") == (1, None, None, False)
    assert called.json == [
        {
            "name": "acme", "weight": 1, "max_running": None, "max_rate": "10/s", "paused": False,
            "database": database_of(alias), "note": "",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "expected at least one of --weight, --max-running and --max-rate, got none."),
        (["--weight", "0"], "--weight: expected a whole number from 1 to 1000, got '0'"),
        (["--weight", "1001"], "--weight: expected a whole number from 1 to 1000"),
        (["--max-running", "0"], "--max-running: expected a whole number from 1 to 1000000, got 0"),
        (["--max-running", "few"], "--max-running: expected a whole number from 1 to 1000000"),
        (["--max-running", "9" * 30], "--max-running: expected a whole number from 1 to 1000000"),
        (["--max-rate", "10"], '--max-rate: expected a rate like "10/s", "600/m" or "1000/h"'),
        (["--max-rate", "0/s"], "got '0/s'; none takes the limit away"),
        (["--weight", "2", "--backend", "nowhere"], "--backend: expected one of default, "),
        (["--weight", "none"], "--weight: expected a whole number from 1 to 1000"),
    ],
)
@on_all_databases
def test_set_refuses_what_is_wrong_with_a_sentence(words: list[str], told: str) -> None:
    called = call("tenant", "set", "acme", *words)
    assert told in called.err
    assert called.status == 2 or called.err.startswith("Error: argument")
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("verb", ["set", "pause", "resume"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a\x1bb", "name: Expected printable characters only, got 'a\\x1bb'."),
        ("x" * 129, "name: Ensure this value has at most 128 characters"),
    ],
)
@on_all_databases
def test_a_name_that_no_job_can_carry_is_refused(verb: str, name: str, told: str) -> None:
    called = call("tenant", verb, name, *(["--weight", "2"] if verb == "set" else []))
    assert (called.status, told in called.err) == (2, True)
    assert not Tenant.objects.exists()


@on_each_database
def test_the_jobs_on_nobodys_behalf_can_be_limited_too(alias: str) -> None:
    assert call("tenant", "set", "", "--max-running", "5", "--backend", alias).status == 0
    assert columns(alias, "") == (1, 5, None, False)


@on_each_database
def test_two_who_write_the_same_new_row_lose_neither_change(alias: str) -> None:
    changes = (["--weight", "3"], ["--max-running", "5"], ["--max-rate", "10/s"])
    for name in map("tenant{}".format, range(10)):
        words = [["tenant", "set", name, *change, "--backend", alias] for change in changes]
        threads = [Thread(partial(call, *line)) for line in words]
        assert [thread.result().status for thread in threads] == [0, 0, 0]
        assert columns(alias, name) == (3, 5, "10/s", False)


# pause, resume


@on_each_database
def test_pause_makes_a_row_and_resume_keeps_what_it_says(alias: str) -> None:
    on = ("--backend", alias, "--format", "json")
    assert call("tenant", "pause", "acme", *on).json[0]["note"] == ""
    assert columns(alias, "acme") == (1, None, None, True)
    call("tenant", "set", "acme", "--weight", "3", *on)
    assert columns(alias, "acme") == (3, None, None, True)
    again = call("tenant", "pause", "acme", *on)
    assert (again.status, again.json[0]["note"]) == (0, "was paused before")
    resumed = call("tenant", "resume", "acme", *on).json[0]
    assert (resumed["paused"], resumed["note"], resumed["weight"]) == (False, "", 3)
    assert columns(alias, "acme") == (3, None, None, False)


@on_each_database
def test_resume_of_a_tenant_that_was_not_paused_says_so_and_makes_no_row(alias: str) -> None:
    called = call("tenant", "resume", "acme", "--backend", alias)
    assert called.status == 0
    assert "was not paused" in called.out
    assert columns(alias, "acme") is None


@on_all_databases
def test_without_backend_the_rows_of_every_database_with_durable_jobs_are_written() -> None:
    called = call("tenant", "pause", "acme", "--format", "json")
    assert [row["database"] for row in called.json] == ["default", "postgresql"]
    assert [columns(alias, "acme") for alias in ("default", "postgresql")] == [
        (1, None, None, True)
    ] * 2
    call("tenant", "resume", "acme", "--backend", "postgresql")
    assert columns("default", "acme") == (1, None, None, True)
    assert columns("postgresql", "acme") == (1, None, None, False)


@on_all_databases
def test_a_pool_reads_the_rows_of_the_database_that_the_router_chooses() -> None:
    call("tenant", "pause", "acme", "--backend", "threads")
    assert columns("default", "acme") == (1, None, None, True)
    assert columns("postgresql", "acme") is None
    with override_settings(TASKS=POOL):
        assert call("tenant", "resume", "acme").status == 0
        assert listed()["acme"]["paused"] is False


@on_all_databases
def test_the_alias_of_another_package_has_no_rows() -> None:
    entry = {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}
    with override_settings(TASKS={**POOL, "other": entry}):
        called = call("tenant", "pause", "acme", "--backend", "other")
    assert called.status == 2
    assert called.err == "--backend: The backend 'other' is not one of django_taskq."


@on_all_databases
def test_before_migrate_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "django.db.backends.sqlite3.introspection.DatabaseIntrospection.table_names",
        lambda self, cursor, include_views: ["taskq_job", "taskq_queue"],
    )
    called = call("tenant", "pause", "acme", "--backend", "default")
    assert called.status == 1
    assert called.err == (
        "The database 'default' lacks the tables taskq_tenant: run manage.py migrate "
        "--database default."
    )


# list


@on_each_database
def test_list_shows_rows_and_whoever_has_unfinished_jobs(alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    for n in range(2):
        on.using(tenant="acme", queue_name=f"q{n}").enqueue(n)
    on.using(tenant="acme", run_after=timedelta(hours=1)).enqueue(3)
    on.using(tenant="globex").enqueue(4)
    call("tenant", "set", "globex", "--weight", "3", "--max-rate", "10/s", "--backend", alias)
    call("tenant", "pause", "initech", "--backend", alias)
    found = listed("--backend", alias)
    assert list(found) == ["acme", "globex", "initech"]
    assert found["acme"] == {
        "database": database_of(alias), "name": "acme", "weight": 1, "max_running": None,
        "max_rate": None, "paused": False, "has_row": False, "ready": 2, "scheduled": 1,
        "deferred": 0, "running": 0,
    }  # fmt: skip
    globex, initech = found["globex"], found["initech"]
    assert (globex["weight"], globex["max_rate"], globex["ready"]) == (3, "10/s", 1)
    assert (initech["paused"], initech["has_row"], initech["ready"]) == (True, True, 0)
    table = call("tenant", "list", "--backend", alias).out.splitlines()
    assert table[1].split() == [
        "acme", "1", "-", "-", "no", "2", "1", "0", "0", database_of(alias),
    ]  # fmt: skip


@on_all_databases
def test_list_as_a_table_is_cut_and_tells_how_many_more_there_are() -> None:
    for n in range(60):
        tasks.echo.using(tenant=f"tenant{n:02}").enqueue(n)
    tasks.echo.using(tenant="tenant59").enqueue(1)
    lines = call("tenant", "list").out.splitlines()
    assert len(lines) == 52
    assert lines[1].split()[0] == "tenant59"
    assert lines[-1] == "and 10 more; --limit shows more, --format json all."
    assert len(call("tenant", "list", "--limit", "60").out.splitlines()) == 61
    assert len(listed()) == 60


@on_all_databases
def test_list_tells_the_databases_apart() -> None:
    call("tenant", "set", "acme", "--weight", "3", "--backend", "postgresql")
    tasks.echo.using(tenant="acme").enqueue(1)
    found = call("tenant", "list", "--format", "json").json
    assert [(t["database"], t["weight"], t["ready"]) for t in found] == [
        ("default", 1, 1),
        ("postgresql", 3, 0),
    ]


@on_all_databases
def test_names_of_users_cannot_send_commands_to_the_terminal() -> None:
    Tenant.objects.create(name="a\x1b[2J\x07b")
    assert "a\\x1b[2J\\x07b" in call("tenant", "list").out


@pytest.mark.parametrize("words", [[], ["set"], ["pause"], ["list", "--limit", "0"], ["drop", "a"]])
def test_a_wrong_command_line_is_refused(words: list[str]) -> None:
    assert call("tenant", *words).err
