"""manage.py queue: the rows that it writes, what it cancels and prints, how it ends."""

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.tasks import TaskResult
from django.test import override_settings

from django_taskq import clearing
from django_taskq.control import database_of, get_job, store_of
from django_taskq.models import Job, Queue
from django_taskq.signals import job_canceled
from tests.app import gates, tasks
from tests.each_database import on_all_databases, on_each_database
from tests.management.calls import call
from tests.running import running, wait_until_running
from tests.stores.jobs import claim, lose


def columns(alias: str, name: str) -> tuple[Any, ...] | None:
    """Return what the row of a queue says in the database of an alias."""
    rows = Queue.objects.using(database_of(alias)).filter(name=name)
    return rows.values_list("max_running", "paused").first()


def states(alias: str, queue: str = "mail") -> list[str]:
    """Return the states of the jobs of a queue in the order of their enqueueing."""
    jobs = Job.objects.using(database_of(alias)).filter(queue=queue).order_by("pk")
    return list(jobs.values_list("state", flat=True))


@pytest.fixture
def canceled() -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(sender: type, task_result: TaskResult, **kwargs: Any) -> None:
        heard.append(task_result.id)

    job_canceled.connect(hear)
    yield heard
    job_canceled.disconnect(hear)


# set, pause, resume, list


@on_each_database
def test_a_queue_is_limited_paused_and_resumed(alias: str) -> None:
    on = ("--backend", alias, "--format", "json")
    assert call("queue", "set", "mail", "--max-running", "5", *on).status == 0
    assert columns(alias, "mail") == (5, False)
    call("queue", "pause", "mail", *on)
    assert columns(alias, "mail") == (5, True)
    called = call("queue", "set", "mail", "--max-running", "none", *on)
    assert columns(alias, "mail") == (None, True)
    assert called.json == [
        {
            "name": "mail", "max_running": None, "paused": True, "database": database_of(alias),
            "note": "",
        }
    ]  # fmt: skip
    assert call("queue", "resume", "mail", *on).json[0]["note"] == ""
    assert call("queue", "resume", "mail", *on).json[0]["note"] == "was not paused"
    assert columns(alias, "mail") == (None, False)


@on_each_database
def test_list_shows_rows_and_every_queue_with_unfinished_jobs(alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    for tenant in ("acme", "globex"):
        on.using(tenant=tenant, queue_name="mail").enqueue(1)
    call("queue", "pause", "sms", "--backend", alias)
    found = call("queue", "list", "--backend", alias, "--format", "json").json
    assert found[0] == {
        "database": database_of(alias), "name": "mail", "max_running": None, "paused": False,
        "has_row": False, "ready": 2, "scheduled": 0, "deferred": 0, "running": 0,
    }  # fmt: skip
    assert [(queue["name"], queue["paused"]) for queue in found] == [("mail", False), ("sms", True)]
    assert call("queue", "list", "--backend", alias).out.split()[:2] == ["NAME", "MAX"]


@on_all_databases
def test_a_queue_into_which_nobody_enqueues_is_doubted_and_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = {"BACKEND": "django_taskq.backends.DatabaseBackend", "QUEUES": ["mail"]}
    with override_settings(TASKS={"default": entry}):
        assert call("queue", "pause", "mail").status == 0
        assert capsys.readouterr().err == ""
        assert call("queue", "pause", "mial").status == 0
        assert "No alias has 'mial' among its QUEUES" in capsys.readouterr().err
        call("queue", "set", "mial", "--max-running", "2")
        assert "No alias has 'mial' among its QUEUES" in capsys.readouterr().err
    assert columns("default", "mial") == (2, True)


# size


@on_each_database
def test_size_counts_what_waits_and_not_what_runs_or_has_ended(alias: str) -> None:
    on = tasks.echo.using(backend=alias, queue_name="mail")
    for n in range(4):
        on.using(tenant="acme" if n else "globex").enqueue(n)
    on.using(run_after=timedelta(hours=1)).enqueue(4)
    jobs = Job.objects.using(database_of(alias))
    jobs.filter(args="[0]").update(state="RUNNING")
    jobs.filter(args="[3]").update(state="DEFERRED")
    tasks.echo.using(backend=alias).enqueue(5)
    words = ("queue", "size", "mail", "--backend", alias)
    assert call(*words).out == "4\n"
    assert call(*words, "--tenant", "acme").out == "3\n"
    assert call(*words, "--format", "json").json == {
        alias: {"waiting": 4, "ready": 2, "scheduled": 1, "deferred": 1, "running": 1}
    }


@on_all_databases
def test_the_size_of_an_unknown_queue_is_nought() -> None:
    called = call("queue", "size", "nowhere")
    assert (called.status, called.out) == (0, "0\n")


@on_all_databases
def test_without_backend_the_size_is_that_over_every_durable_alias() -> None:
    for alias in ("default", "postgresql"):
        tasks.echo.using(backend=alias, queue_name="mail").enqueue(1)
    assert call("queue", "size", "mail").out == "2\n"
    assert call("queue", "size", "mail", "--backend", "default").out == "1\n"


# clear


@on_each_database
def test_clear_cancels_all_that_waits_and_leaves_the_rest(
    alias: str, canceled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "BATCH", 2)
    monkeypatch.setattr(clearing, "READ", 3)
    store = store_of(alias)
    on = tasks.echo.using(backend=alias, queue_name="mail")
    suspect = on.enqueue(0)
    lose(store, *claim(store))
    running_job = on.using(priority=1).enqueue(1)
    claim(store)
    waiting = [on.using(priority=100 if n % 2 else 0).enqueue(n).id for n in range(5)]
    waiting += [on.using(run_after=timedelta(hours=1)).enqueue(n).id for n in range(2)]
    waiting.append(on.enqueue(7).id)
    rows = Job.objects.using(database_of(alias))
    rows.filter(public_id=waiting[-1]).update(state="DEFERRED")
    rows.filter(public_id=waiting[0]).update(gate="tests.app.tasks.echo max_running=1")
    elsewhere = tasks.echo.using(backend=alias).enqueue(8)

    called = call("queue", "clear", "mail", "--no-input", "--backend", alias, "--format", "json")
    assert (called.status, called.json) == (0, {alias: 9})
    assert {get_job(id, alias).state for id in [*waiting, suspect.id]} == {"CANCELED"}
    assert sorted(canceled) == sorted([*waiting, suspect.id])
    assert get_job(running_job).state == "RUNNING"
    assert get_job(running_job).cancel_asked_at is None
    assert get_job(elsewhere).state == "READY"
    assert call("queue", "size", "mail", "--backend", alias).out == "0\n"


@on_each_database
def test_clear_of_one_tenant_leaves_the_jobs_of_others(alias: str) -> None:
    for tenant in ("acme", "globex", "", "acme"):
        tasks.echo.using(backend=alias, queue_name="mail", tenant=tenant).enqueue(1)
    words = ("queue", "clear", "mail", "--no-input", "--backend", alias)
    assert call(*words, "--tenant", "acme").out.split()[-2:] == [alias, "2"]
    assert states(alias) == ["CANCELED", "READY", "READY", "CANCELED"]
    call(*words, "--tenant", "")
    assert states(alias) == ["CANCELED", "READY", "CANCELED", "CANCELED"]


@on_each_database
def test_clear_leaves_what_runs_to_its_end(alias: str) -> None:
    gate = f"clear on {alias}"
    job = tasks.hold.using(backend=alias).enqueue(gate)
    with running(alias):
        wait_until_running(job, gate)
        called = call("queue", "clear", "default", "--no-input", "--backend", alias)
        gates.open_gate(gate)
    assert called.out.split()[-1] == "0"
    assert get_job(job).state == "SUCCESSFUL"


@on_each_database
def test_what_is_enqueued_while_a_queue_is_cleared_stays(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = tasks.echo.using(backend=alias, queue_name="mail")
    on.enqueue(1)
    steps = clearing.clear(alias, "mail")
    assert next(steps) == 1
    on.enqueue(2)
    assert sum(steps) == 0
    assert states(alias) == ["CANCELED", "READY"]


@on_each_database
def test_a_job_that_became_ready_meanwhile_is_canceled_too(alias: str) -> None:
    on = tasks.echo.using(backend=alias, queue_name="mail")
    later = on.using(run_after=timedelta(hours=1)).enqueue(1).id
    Job.objects.using(database_of(alias)).filter(public_id=later).update(state="DEFERRED")
    on.using(run_after=timedelta(hours=1)).enqueue(2)
    on.enqueue(3)
    steps = clearing.clear(alias, "mail")
    assert next(steps) == 1
    store_of(alias).run_now(
        [
            str(id)
            for id in Job.objects.using(database_of(alias)).values_list("public_id", flat=True)
        ]
    )
    assert sum(steps) == 2
    assert states(alias) == ["CANCELED"] * 3


@on_each_database
def test_a_job_that_was_deleted_meanwhile_does_not_end_the_clearing(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [tasks.echo.using(backend=alias, queue_name="mail").enqueue(n).id for n in range(3)]
    cancel = clearing.cancel_known

    def cancel_late(ids: list[str], backend: str) -> Any:
        store_of(alias).cancel(jobs[:1])
        store_of(alias).delete(jobs[:1])
        return cancel(ids, backend)

    monkeypatch.setattr(clearing, "cancel_known", cancel_late)
    called = call("queue", "clear", "mail", "--no-input", "--backend", alias, "--format", "json")
    assert called.json == {alias: 2}


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [("yes\n", 0, "CANCELED"), ("no\n", 1, "READY"), ("\n", 1, "READY"), ("", 2, "READY")],
)
@on_all_databases
def test_clear_tells_how_many_wait_and_asks(
    answer: str,
    status: int,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for n in range(3):
        tasks.echo.using(queue_name="mail", tenant="acme").enqueue(n)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    called = call("queue", "clear", "mail", "--tenant", "acme", "--backend", "default")
    asked = capsys.readouterr().err
    assert "Jobs of the tenant 'acme' that wait in the queue 'mail': 3." in asked
    assert (called.status, states("default")) == (status, [state] * 3)
    assert bool(called.err) is (status > 0)


@on_all_databases
def test_clear_of_an_empty_queue_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    called = call("queue", "clear", "mail", "--backend", "default")
    assert (called.status, called.out.split()[-1]) == (0, "0")


@on_all_databases
def test_an_interrupted_clearing_says_what_it_has_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "BATCH", 2)
    for n in range(5):
        tasks.echo.using(queue_name="mail").enqueue(n)
    cancel = clearing.cancel_known
    batches = iter([None, None])

    def interrupted(ids: list[str], backend: str) -> Any:
        if next(batches, KeyboardInterrupt) is KeyboardInterrupt:
            raise KeyboardInterrupt
        return cancel(ids, backend)

    monkeypatch.setattr(clearing, "cancel_known", interrupted)
    called = call("queue", "clear", "mail", "--no-input", "--backend", "default")
    assert called.status == 1
    assert called.err == "Interrupted. Jobs canceled before: 4; the others wait."
    assert sorted(states("default")) == ["CANCELED"] * 4 + ["READY"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["size"],
        ["clear"],
        ["set", "mail"],
        ["set", "mail", "--max-running", "0"],
        ["size", "mail", "--backend", "threads"],
        ["clear", "mail", "--no-input", "--backend", "nowhere"],
        ["list", "--format", "yaml"],
    ],
)
def test_a_wrong_command_line_is_refused(words: list[str]) -> None:
    assert call("queue", *words).err
