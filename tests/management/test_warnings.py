"""Warnings as the commands print them: they change no status."""

import threading
from typing import Any

import pytest
from django.db import connections

from django_taskq import health
from tests.app import tasks
from tests.deadlines import wait_until
from tests.each_database import on_all_databases, on_each_database
from tests.management.calls import call
from tests.running import running


@on_each_database
def test_health_warns_of_what_is_no_reason_to_fail(alias: str) -> None:
    call("tenant", "pause", "acme", "--backend", alias)
    with running(alias):
        words = ("taskq", "health", "--backend", alias)
        wait_until(lambda: call(*words).status == 0, what="health")
        tasks.nothing.using(backend=alias, tenant="acme").enqueue()
        called, report = call(*words), call(*words, "--format", "json").json
        alone = call(*words, "--host")
    sentence = (
        "Jobs are ready of tenants that are paused: acme. "
        "Let one go on: manage.py tenant resume acme"
    )
    assert called.status == 0
    assert called.out.splitlines()[-1] == f"warning in {alias}: {sentence}"
    assert report["backends"][alias]["warnings"] == [sentence]
    assert "warning" not in alone.out


@on_each_database
def test_stats_have_them_as_json_and_leave_them_out_of_a_part(alias: str) -> None:
    tasks.nothing.using(backend=alias, queue_name="mail").enqueue()
    words = ("taskq", "stats", "--backend", alias)
    found = call(*words, "--format", "json").json[alias]
    assert found["warnings"] == [
        f"No worker is alive; jobs ready: 1. Start one: manage.py runworker --backend {alias}"
    ]
    assert "warning" not in call(*words, "--queue", "mail").out
    narrowed = call(*words, "--tenant", "acme", "--format", "json").json[alias]
    assert narrowed["warnings"] == []


@on_all_databases
def test_health_asks_nothing_more_of_a_store_that_has_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, asked = threading.Event(), []

    def hang(store: Any) -> None:
        held.wait(30)

    def advise(aliases: Any, timeout: float) -> dict[str, Any]:
        asked.extend(aliases)
        return {}

    monkeypatch.setattr(health, "_sight", hang)
    monkeypatch.setattr("django_taskq.management.commands.taskq.advise", advise)
    called = call("taskq", "health", "--timeout", "0.1", "--backend", "default")
    held.set()
    assert (called.status, asked) == (1, [])


@on_all_databases
def test_sqlite_without_the_write_lock_is_told_by_stats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", {"timeout": 30})
    printed = call("taskq", "stats", "--backend", "default").out
    assert "warning: Transactions in the SQLite database “default” start without" in printed
    assert "start without" not in call("taskq", "stats", "--backend", "postgresql").out
