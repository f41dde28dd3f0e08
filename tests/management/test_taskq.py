"""manage.py taskq: numbers, health, pruning, checks, and the status it ends with."""

import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from django_taskq import health
from django_taskq.control import database_of, store_of
from django_taskq.jobs.assignment import Assignment
from django_taskq.jobs.workers import Pulse, WorkerInfo
from django_taskq.models import Job
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.each_database import on_all_databases, on_each_database, with_options
from tests.management.calls import call
from tests.running import DURABLE, run_due, running, wait_until_running

with_every_app = pytest.mark.django_db(transaction=True, databases="__all__")


def make_old(days: float) -> None:
    Job.objects.update(finished_at=timezone.now() - timedelta(days=days))


# stats


@on_each_database
def test_stats_count_unfinished_jobs_by_queue_tenant_and_state(alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    on.enqueue(0)
    run_due(alias)
    for n in range(2):
        on.using(tenant="acme", queue_name="emails").enqueue(n)
    on.using(run_after=timedelta(hours=1)).enqueue(3)
    found = call("taskq", "stats", "--backend", alias, "--format", "json").json[alias]
    lanes = {
        (lane["queue"], lane["tenant"], lane["state"]): lane["count"] for lane in found["lanes"]
    }
    assert lanes == {("emails", "acme", "READY"): 2, ("default", "", "SCHEDULED"): 1}
    assert 0 <= found["oldest_ready_age"] < 60
    assert found["workers"] == []


@on_each_database
def test_stats_add_up_tenants_and_queues_with_what_operators_say_of_them(alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    for queue, tenant in (("mail", "acme"), ("sms", "acme"), ("sms", "globex")):
        on.using(queue_name=queue, tenant=tenant).enqueue(1)
    Job.objects.using(database_of(alias)).filter(queue="sms", tenant="acme").update(state="RUNNING")
    call("tenant", "set", "acme", "--weight", "3", "--max-rate", "10/s", "--backend", alias)
    call("tenant", "pause", "idle", "--backend", alias)
    call("queue", "set", "sms", "--max-running", "5", "--backend", alias)
    call("queue", "pause", "sms", "--backend", alias)
    found = call("taskq", "stats", "--backend", alias, "--format", "json").json[alias]
    assert found["tenants"] == [
        {
            "name": "acme", "weight": 3, "max_running": None, "max_rate": "10/s", "paused": False,
            "has_row": True, "ready": 1, "scheduled": 0, "deferred": 0, "running": 1,
        },
        {
            "name": "globex", "weight": 1, "max_running": None, "max_rate": None, "paused": False,
            "has_row": False, "ready": 1, "scheduled": 0, "deferred": 0, "running": 0,
        },
    ]  # fmt: skip
    assert [(q["name"], q["ready"], q["running"], q["paused"]) for q in found["queues"]] == [
        ("sms", 1, 1, True),
        ("mail", 1, 0, False),
    ]
    printed = call("taskq", "stats", "--backend", alias).out
    lanes, queues, tenants, warnings = printed.split("\n\n")[1:]
    unserved, paused = warnings.splitlines()
    assert unserved.startswith("warning: No worker is alive; jobs ready: 2. Start one: manage.py")
    assert paused.endswith("jobs ready there: 1. Let it go on: manage.py queue resume sms")
    assert [line.split(maxsplit=6) for line in lanes.splitlines()] == [
        ["QUEUE", "TENANT", "READY", "SCHEDULED", "DEFERRED", "RUNNING", "RULES"],
        ["mail", "acme", "1", "0", "0", "0", "weight 3, max_rate 10/s"],
        ["sms", "globex", "1", "0", "0", "0", "queue paused, max_running 5"],
        ["sms", "acme", "0", "0", "0", "1", "weight 3, max_rate 10/s; queue paused, max_running 5"],
    ]
    assert queues.splitlines()[1].split(maxsplit=5)[-1] == "paused, max_running 5"
    assert tenants.splitlines()[1].split(maxsplit=5) == [
        "acme", "1", "0", "0", "1", "weight 3, max_rate 10/s",
    ]  # fmt: skip


@on_each_database
def test_stats_are_narrowed_to_a_queue_and_a_tenant(alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    for queue, tenant in (("mail", "acme"), ("sms", "acme"), ("sms", "globex"), ("sms", "")):
        on.using(queue_name=queue, tenant=tenant).enqueue(1)

    def lanes(*options: str) -> list[tuple[str, str]]:
        called = call("taskq", "stats", "--backend", alias, "--format", "json", *options)
        return [(lane["queue"], lane["tenant"]) for lane in called.json[alias]["lanes"]]

    assert lanes("--queue", "sms") == [("sms", ""), ("sms", "acme"), ("sms", "globex")]
    assert lanes("--tenant", "acme") == [("mail", "acme"), ("sms", "acme")]
    assert lanes("--tenant", "", "--queue", "sms") == [("sms", "")]
    assert lanes("--queue", "nowhere") == []
    printed = call("taskq", "stats", "--backend", alias, "--tenant", "globex").out
    assert printed.split()[:4] == ["backend", alias, "unfinished", "1"]
    assert "acme" not in printed


@on_all_databases
def test_stats_of_many_tenants_show_who_has_most_to_wait_for_and_how_many_more_there_are() -> None:
    for n in range(60):
        tasks.echo.using(tenant=f"tenant{n:02}").enqueue(n)
    for n in range(2):
        tasks.echo.using(tenant="tenant59", run_after=timedelta(hours=1)).enqueue(n)
    _, lanes, queues, _ = call("taskq", "stats", "--backend", "default").out.split("\n\n")
    assert len(lanes.splitlines()) == 52
    assert lanes.splitlines()[1].split()[1:5] == ["tenant59", "1", "2", "0"]
    assert lanes.splitlines()[-1] == "and 10 more; --limit shows more, --format json all."
    assert queues.split()[6:11] == ["default", "60", "2", "0", "0"]
    assert "and 59 more" in call("taskq", "stats", "--backend", "default", "--limit", "1").out
    found = call("taskq", "stats", "--backend", "default", "--format", "json").json["default"]
    assert (len(found["lanes"]), len(found["tenants"])) == (61, 60)


@on_each_database
def test_stats_name_the_workers_and_what_they_hold(alias: str) -> None:
    gate = f"stats on {alias}"
    job = tasks.hold.using(backend=alias).enqueue(gate)
    with running(alias, name="mailer"):
        wait_until_running(job, gate)
        found = call("taskq", "stats", "--backend", alias, "--format", "json").json[alias]
        printed = call("taskq", "stats", "--backend", alias).out
        gates.open_gate(gate)
    (worker,) = found["workers"]
    assert (worker["name"], worker["is_alive"], worker["running"]) == ("mailer", True, 1)
    assert worker["id"] in printed
    assert worker["progress_at"] >= worker["started_at"]
    assert (worker["memory"], worker["supervisor_pid"]) == (None, None)
    assert {"SUPERVISOR", "PROGRESS", "MEMORY"} <= set(printed.split())
    assert "RUNNING" in printed


@on_all_databases
def test_stats_show_every_durable_alias_unless_one_is_named() -> None:
    assert list(call("taskq", "stats", "--format", "json").json) == ["default", "postgresql"]
    assert "oldest ready  -" in call("taskq", "stats", "--backend", "default").out


@on_all_databases
def test_stats_print_no_control_characters() -> None:
    tasks.echo.enqueue(1)
    Job.objects.update(tenant="\x1b]0;title\x07")
    printed = call("taskq", "stats").out
    assert "\\x1b]0;title\\x07" in printed
    assert "\x1b" not in printed


# health


@on_each_database
def test_health_passes_while_an_idle_worker_lives_and_fails_without_one(alias: str) -> None:
    words = ("taskq", "health", "--backend", alias)
    called = call(*words)
    assert called.status == 1
    assert called.err.startswith(f"{alias}: No worker is alive")
    with running(alias):
        wait_until(lambda: call(*words).status == 0, what="health")
        report = call(*words, "--format", "json").json
    assert report["is_healthy"] is True
    assert report["backends"][alias]["workers"] == 1


@on_each_database
def test_stats_tell_the_memory_and_the_supervisor_of_a_worker(alias: str) -> None:
    store = store_of(alias)
    store.join(WorkerInfo("host:1:ab", "host:1", "host", 1, supervisor_pid=4700))
    store.heartbeat("host:1:ab", Pulse(75.0, 48_300_000))
    printed = call("taskq", "stats", "--backend", alias).out
    (worker,) = call("taskq", "stats", "--backend", alias, "--format", "json").json[alias][
        "workers"
    ]
    assert (worker["memory"], worker["supervisor_pid"]) == (48_300_000, 4700)
    assert "48 MB" in printed
    assert "4700" in printed
    assert "75" in printed


@on_each_database
def test_stats_tell_the_pool_of_a_worker_and_whom_it_serves(alias: str) -> None:
    store = store_of(alias)
    assignment = Assignment(("acme",), 1, ("globex",), 70)
    store.join(WorkerInfo("host:1/mail:ab", "host:1/mail", "host", 1, assignment=assignment))
    words = ("taskq", "stats", "--backend", alias)
    printed = call(*words).out
    assert "host:1/mail:ab" in printed
    assert "acme; steals from globex and 69 more" in printed
    (worker,) = call(*words, "--format", "json").json[alias]["workers"]
    assert worker["assignment"] == {
        "tenants": ["acme"], "total": 1, "steal": ["globex"], "steal_total": 70,
        "is_stealing_from_all": False,
    }  # fmt: skip


@on_each_database
def test_health_fails_while_the_loop_of_a_live_worker_stands_still(alias: str) -> None:
    store = store_of(alias)
    store.join(WorkerInfo("host:1:ab", "host:1", socket.gethostname(), 1))
    store.heartbeat("host:1:ab", Pulse(75.0, 48_300_000))
    words = ("taskq", "health", "--backend", alias)
    called = call(*words, "--format", "json")
    assert called.status == 1
    assert called.json["backends"][alias]["stalled"] == 1
    assert "its claim loop has not advanced for 75 s, more than 60 s" in called.err
    assert call(*words, "--host").status == 1
    assert call(*words, "--host", "elsewhere").err.startswith(
        f"{alias}: No worker is alive on the host 'elsewhere'"
    )
    assert call(*words, "--max-stall", "80").status == 0
    store.heartbeat("host:1:ab", Pulse(0.0, 48_300_000))
    assert call(*words).status == call(*words, "--host").status == 0


@on_each_database
def test_health_fails_when_the_oldest_ready_job_is_too_old(alias: str) -> None:
    words = ("taskq", "health", "--backend", alias, "--format", "json")
    tasks.echo.using(backend=alias, queue_name="other").enqueue(1)
    Job.objects.using(store_of(alias).database).update(  # type: ignore[attr-defined]
        eligible_at=timezone.now() - timedelta(seconds=400)
    )
    with running(alias, queues=("default",)):
        wait_until(lambda: call(*words).json["backends"][alias]["workers"] == 1, what="the worker")
        called = call(*words)
        patient = call(*words, "--max-age", "1000")
    reasons = called.json["backends"][alias]["reasons"]
    assert called.status == 1
    assert any(reason.startswith("The oldest ready job has waited 40") for reason in reasons)
    assert any("No live worker takes the queue 'other'" in reason for reason in reasons)
    assert len(patient.json["backends"][alias]["reasons"]) == 1


@on_all_databases
def test_health_asks_every_durable_alias() -> None:
    report = call("taskq", "health", "--format", "json").json
    assert sorted(report["backends"]) == ["default", "postgresql"]


@on_all_databases
def test_health_reports_a_store_that_does_not_answer_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()

    def hang(store: Any) -> None:
        release.wait(20)

    monkeypatch.setattr(health, "_sight", hang)
    called = call("taskq", "health", "--timeout", "0.1", "--backend", "default")
    release.set()
    assert called.status == 1
    assert called.err == "default: The store has not answered within 0.1 s."


# prune


@on_each_database
def test_prune_deletes_what_is_older_than_retention_and_says_how_many(alias: str) -> None:
    for n in range(3):
        tasks.echo.using(backend=alias).enqueue(n)
    run_due(alias)
    words = ("taskq", "prune", "--backend", alias, "--format", "json")
    assert call(*words).json == {alias: 0}
    jobs = Job.objects.using(store_of(alias).database)  # type: ignore[attr-defined]
    jobs.update(finished_at=timezone.now() - timedelta(days=8))
    tasks.echo.using(backend=alias).enqueue(4)
    assert call(*words).json == {alias: 3}
    assert jobs.count() == 1


@on_all_databases
def test_prune_goes_on_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_taskq.management.commands.taskq.PRUNE_BATCH", 2)
    for n in range(5):
        tasks.echo.enqueue(n)
    run_due("default")
    make_old(days=8)
    called = call("taskq", "prune", "--backend", "default")
    assert called.out.split() == ["BACKEND", "PRUNED", "default", "5"]


@on_all_databases
def test_prune_keeps_failed_jobs_longer() -> None:
    tasks.fail.enqueue()
    run_due("default")
    make_old(days=8)
    assert call("taskq", "prune", "--backend", "default", "--format", "json").json == {"default": 0}


# check


@with_every_app
def test_check_finds_a_sound_set_up_in_order() -> None:
    called = call("taskq", "check", "--format", "json")
    assert called.json == {
        "is_sound": True,
        "messages": [],
        "faults": {"default": [], "postgresql": []},
    }
    assert "default: tables, migrations and leases are in order." in call("taskq", "check").out


@with_every_app
def test_check_reports_bad_options_instead_of_breaking() -> None:
    with with_options("default", LEASE="long", COLOUR="red"):
        called = call("taskq", "check")
        report = call("taskq", "check", "--format", "json").json
    assert called.status == 1
    assert "error django_taskq.E001: TASKS['default']: Expected OPTIONS['LEASE']" in called.out
    assert report["is_sound"] is False
    assert len(report["messages"]) == 2


@with_every_app
@override_settings(TASKQ={"WORKERS": {"mail": {"threads": 0}}})
def test_check_reports_a_bad_pool() -> None:
    called = call("taskq", "check")
    assert called.status == 1
    assert "error django_taskq.E009: TASKQ['WORKERS']['mail']: 'threads'" in called.out


@with_every_app
def test_check_reports_a_missing_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        type(store_of("default")), "find_obstacle", lambda self: "The tables are missing."
    )
    called = call("taskq", "check", "--backend", "default")
    assert called.status == 1
    assert "fault in default: The tables are missing." in called.out


@pytest.mark.parametrize("alias", DURABLE)
@with_every_app
def test_check_reports_a_migration_that_was_not_applied(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = store_of(alias).database  # type: ignore[attr-defined]
    monkeypatch.setattr(
        "django.db.migrations.recorder.MigrationRecorder.applied_migrations", lambda self: {}
    )
    called = call("taskq", "check", "--backend", alias)
    assert called.status == 1
    assert f"The database {database!r} lacks the migrations 0001_initial" in called.out


# The command line.


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["measure"],
        ["health", "--max-age", "0"],
        ["health", "--timeout", "inf"],
        ["health", "--timeout", "1e12"],
        ["health", "--max-stall", "-1"],
        ["stats", "--backend", "nowhere"],
        ["prune", "--backend", "threads"],
    ],
)
def test_a_wrong_command_line_is_refused(words: list[str]) -> None:
    assert call("taskq", *words).err


@override_settings(
    TASKS={"default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend", "QUEUES": []}}
)
def test_without_a_durable_alias_nothing_can_be_told() -> None:
    assert call("taskq", "health").status == 2
