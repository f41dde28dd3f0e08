"""manage.py taskq bench: what it measures, what it leaves alone, and that it leaves nothing."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.tasks.signals import task_started

from django_taskq.benchmark.alias import PREFIX
from django_taskq.control import database_of, get_job
from django_taskq.models import Attempt, Job, Worker
from tests import servers
from tests.app import tasks
from tests.deadlines import wait_until
from tests.each_database import OUR_APPS, on_all_databases, on_each_database
from tests.management.calls import call
from tests.running import running
from tests.scripts import run_script
from tests.servers import ROOT

FEW = ("--jobs", "40", "--threads", "3")
# Enough to be interrupted in the middle of.
MANY = ("--jobs", "20000")
FIGURES = ["round_trip", "enqueue", "enqueue_many", "drain", "start", "result"]

on_sqlite = pytest.mark.django_db(transaction=True, databases=["default"], available_apps=OUR_APPS)


@pytest.fixture(autouse=True)
def hand_down_databases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the worker processes find the databases of this test."""
    request.getfixturevalue("db" if "alias" not in request.fixturenames else "alias")
    for name, value in servers.environment_for_children().items():
        monkeypatch.setenv(name, value)


def rows(database: str) -> dict[str, list[Any]]:
    """Return all that our tables hold."""
    return {
        model.__name__: list(model._default_manager.using(database).order_by("pk").values())
        for model in (Job, Worker, Attempt)
    }


def bench_jobs(database: str, **wanted: Any) -> Any:
    return Job.objects.using(database).filter(backend__startswith=PREFIX, **wanted)


def blocks_ctrl_c(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (blocked,) = re.findall(r"^SigBlk:\s+(\w+)", status, re.MULTILINE)
    return bool(int(blocked, 16) & 1 << (signal.SIGINT - 1))


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of a test, none of which outlives it."""
    made: list[subprocess.Popen[str]] = []
    yield made
    for process in made:
        process.kill()
        process.communicate()


def start_bench(
    started: list[subprocess.Popen[str]], *words: str, **environment: str
) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "taskq", "bench", *words],
        cwd=ROOT,
        env=servers.environment_for_children() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    started.append(process)
    return process


# What it measures.


@on_each_database
def test_every_figure_is_in_the_json_and_in_the_table(alias: str, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    words = ("taskq", "bench", "--backend", alias, *FEW, "--payload", "300")
    called = call(*words, "--output", str(path))
    assert called.status == 0
    report = json.loads(path.read_text())
    assert report["backend"] == alias
    assert report["options"] == {"jobs": 40, "processes": 1, "threads": 3, "payload": 300}
    assert {"django_taskq", "django", "python", "driver"} <= report["versions"].keys()
    figures = report["figures"]
    assert list(figures) == FIGURES
    assert [figures[name]["jobs"] for name in ("enqueue", "enqueue_many", "drain")] == [4, 40, 44]
    for name in ("enqueue", "enqueue_many", "drain"):
        assert figures[name]["per_second"] == pytest.approx(
            figures[name]["jobs"] / figures[name]["seconds"]
        )
        assert f"{figures[name]['per_second']:,.0f}" in called.out
    for name in ("round_trip", "start", "result"):
        assert 0 <= figures[name]["p50_ms"] <= figures[name]["p99_ms"] < 10_000
        assert f"{figures[name]['p99_ms']:.3f}" in called.out
    assert figures["start"]["samples"] == figures["result"]["samples"] == 40
    assert 0 < figures["start"]["p50_ms"] < figures["result"]["p50_ms"]


@on_each_database
def test_the_database_and_the_settings_that_matter_are_named(alias: str) -> None:
    report = call("taskq", "bench", "--backend", alias, *FEW, "--format", "json").json
    database = report["database"]
    wanted = {
        "SQLite": {
            "journal_mode": "wal", "synchronous": "NORMAL", "transaction_mode": "IMMEDIATE",
        },
        "PostgreSQL": {"synchronous_commit": "on", "LISTEN works": True},
        "MariaDB": {"sync_binlog": 0},
        "MySQL": {"sync_binlog": 1},
    }[database["product"]]  # fmt: skip
    assert wanted.items() <= database["settings"].items()
    assert re.fullmatch(r"\d+(\.\d+)+", database["version"])
    assert database["alias"] == database_of(alias)


@on_sqlite
def test_several_processes_share_the_jobs() -> None:
    report = call("taskq", "bench", "--jobs", "60", "--processes", "2", "--format", "json").json
    assert report["options"]["processes"] == 2
    assert report["figures"]["drain"]["jobs"] == 66


@on_sqlite
def test_a_terminal_is_told_what_is_under_way() -> None:
    terminal = StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    call_command("taskq", "bench", *FEW, stdout=StringIO(), stderr=terminal)
    for step in ("enqueue: one by one", "enqueue_many: 40 of 40", "drain: 44 of 44", "latency: 4"):
        assert step in terminal.getvalue()


# What it leaves alone.


@on_each_database
def test_the_own_jobs_and_workers_of_a_project_are_left_alone(alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    on.using(queue_name="other").enqueue(1)
    on.using(run_after=timedelta(hours=1)).enqueue(2)
    on.enqueue(3)
    before = rows(database_of(alias))
    assert call("taskq", "bench", "--backend", alias, *FEW).status == 0
    assert rows(database_of(alias)) == before


@on_each_database
def test_a_worker_of_the_project_takes_no_job_of_the_benchmark(alias: str) -> None:
    here: list[str] = []

    def note(task_result: Any, **kwargs: Any) -> None:
        here.append(task_result.id)

    task_started.connect(note)
    try:
        with running(alias):
            own = tasks.echo.using(backend=alias).enqueue(1)
            assert call("taskq", "bench", "--backend", alias, *FEW).status == 0
            wait_until(lambda: get_job(own).is_ended, what="the project's own job")
    finally:
        task_started.disconnect(note)
    assert here == [own.id]


@on_sqlite
def test_it_measures_where_there_is_no_default_alias_and_few_queues(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    (tmp_path / "mail_settings.py").write_text(
        "from tests.settings import *\n"
        "backend = 'django_taskq.backends.DatabaseBackend'\n"
        "TASKS = {'mail': {'BACKEND': backend, 'QUEUES': ['emails'],"
        " 'OPTIONS': {'TENANT': 'nowhere.at_all'}}}\n"
    )
    given = servers.environment_for_children()
    process = start_bench(
        started,
        *FEW,
        "--format",
        "json",
        DJANGO_SETTINGS_MODULE="mail_settings",
        PYTHONPATH=f"{tmp_path}{os.pathsep}{given['PYTHONPATH']}",
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["backend"] == "mail"


# How it ends.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("state", ["READY", "SUCCESSFUL"])
@on_each_database
def test_a_signal_ends_it_and_everything_is_deleted(
    alias: str, state: str, number: signal.Signals, started: list[subprocess.Popen[str]]
) -> None:
    database = database_of(alias)
    tasks.echo.using(backend=alias).enqueue(1)
    before = rows(database)
    process = start_bench(started, "--backend", alias, *MANY)
    # Ready ones: it enqueues. Successful ones: its workers are at work.
    wait_until(bench_jobs(database, state=state).exists, timeout=60, what=f"{state} jobs")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "Interrupted. What had been stored is deleted." in err
    assert "Traceback" not in err
    assert rows(database) == before


@on_sqlite
def test_ctrl_c_on_a_terminal_spares_processes_that_have_just_started(
    started: list[subprocess.Popen[str]],
) -> None:
    process = start_bench(started, *FEW, "--processes", "2")

    def workers() -> list[psutil.Process]:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    wait_until(lambda: len(workers()) == 2, timeout=60, what="the workers")
    assert all(blocks_ctrl_c(worker.pid) for worker in workers())
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert err.strip() == "CommandError: Interrupted. What had been stored is deleted."
    assert not Job.objects.exists()


@on_sqlite
def test_a_signal_that_a_driver_reports_as_an_error_of_its_own_is_still_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut_off(database: str) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise OperationalError("The server has gone away.") from None

    monkeypatch.setattr("django_taskq.benchmark.measures.round_trip", cut_off)
    assert call("taskq", "bench", *FEW).err.startswith("Interrupted.")


@on_sqlite
def test_a_signal_does_not_keep_it_from_deleting(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_taskq.stores.database import DatabaseStore

    delete = DatabaseStore.delete

    def delete_disturbed(store: DatabaseStore, ids: list[str]) -> int:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        return delete(store, ids)

    monkeypatch.setattr(DatabaseStore, "delete", delete_disturbed)
    assert call("taskq", "bench", *FEW).status == 0
    assert not Job.objects.exists()


@on_each_database
def test_a_worker_that_dies_ends_it_with_a_sentence_and_nothing_is_left(
    alias: str, started: list[subprocess.Popen[str]]
) -> None:
    database = database_of(alias)
    process = start_bench(started, "--backend", alias, *MANY, "--processes", "2")
    workers = Worker.objects.using(database).filter(backend__startswith=PREFIX)
    wait_until(bench_jobs(database, state="SUCCESSFUL").exists, timeout=60, what="the drain")
    os.kill(workers.values_list("pid", flat=True)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "A worker process was killed by signal 9 (SIGKILL)" in err
    assert rows(database) == {"Job": [], "Worker": [], "Attempt": []}


@on_sqlite
def test_a_worker_that_sees_another_database_is_found_out() -> None:
    ran = run_script(
        """
        import django
        from django.conf import settings
        from django.core.management import call_command
        settings.DATABASES["default"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        django.setup()
        from django.core.management.base import CommandError
        from django_taskq.models import Job
        call_command("migrate", "django_taskq", verbosity=0)
        try:
            call_command("taskq", "bench", "--jobs", "10")
        except CommandError as error:
            print(error.returncode, error, Job.objects.count())
        """
    )
    assert ran.output.startswith("1 A worker process with the same settings does not see the jobs")
    assert ran.output.endswith("keep it in a file. 0")


@on_sqlite
def test_inside_a_transaction_it_is_refused() -> None:
    with transaction.atomic():
        called = call("taskq", "bench", *FEW)
    assert called.status == 1
    assert "outside of a transaction" in called.err
    assert not Job.objects.exists()


@on_all_databases
def test_rows_that_could_not_be_deleted_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_taskq.stores.database import DatabaseStore

    monkeypatch.setattr(DatabaseStore, "delete", lambda self, ids: 0)
    called = call("taskq", "bench", *FEW)
    assert called.status == 1
    (alias,) = bench_jobs("default").values_list("backend", flat=True).distinct()
    assert alias in called.err


# The command line.


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--backend", "nowhere"], "'nowhere', which TASKS has not"),
        (["--backend", "threads"], "live in the memory of the process"),
        (["--jobs", "0"], "a whole number of at least 1"),
        (["--payload", "-1"], "a whole number from 0"),
        (["--output", "nowhere/bench.json"], "a directory that exists"),
        (["--output", "."], "expected a file"),
    ],
)
@on_sqlite
def test_a_wrong_command_line_is_refused(words: list[str], told: str) -> None:
    called = call("taskq", "bench", *words)
    assert told in called.err
    assert called.status != 0
    if words[0] == "--backend":
        assert called.status == 2
