"""manage.py job: what it prints, what it changes, and the status it ends with."""

import io
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings
from django.utils import timezone

from django_taskq import clearing
from django_taskq.control import database_of, get_job, store_of
from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.states import State
from django_taskq.models import Job
from tests import servers
from tests.app import gates, tasks
from tests.each_database import on_all_databases, on_each_database
from tests.management.calls import call
from tests.running import run_due, running, wait_until_running
from tests.stores.jobs import claim, lose

ECHO = "tests.app.tasks.echo"


def state_of(id: str, alias: str) -> str:
    return str(get_job(id, alias).state)


def ids_of(called: Any) -> list[str]:
    return [job["id"] for job in called.json]


# list


@on_each_database
def test_list_shows_the_newest_jobs_first_and_no_more_than_the_limit(alias: str) -> None:
    ids = [tasks.echo.using(backend=alias).enqueue(n).id for n in range(4)]
    found = call("job", "list", "--backend", alias, "--limit", "3", "--format", "json")
    assert ids_of(found) == ids[:0:-1]
    assert found.json[0]["task"] == ECHO
    assert found.json[0]["state"] == "READY"


@on_each_database
def test_list_filters_by_state_queue_tenant_and_task(alias: str) -> None:
    mail = tasks.echo.using(backend=alias, queue_name="emails").enqueue(1).id
    acme = tasks.echo.using(backend=alias, tenant="acme").enqueue(1).id
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1).id
    nothing = tasks.nothing.using(backend=alias).enqueue().id

    def found(*options: str) -> list[str]:
        return ids_of(call("job", "list", "--backend", alias, "--format", "json", *options))

    assert found("--queue", "emails") == [mail]
    assert found("--tenant", "acme") == [acme]
    assert found("--state", "scheduled") == [later]
    assert found("--task", "tests.app.tasks.nothing") == [nothing]
    assert found("--state", "READY", "--queue", "emails", "--tenant", "acme") == []


@on_all_databases
def test_list_without_backend_shows_every_durable_alias() -> None:
    older = tasks.echo.using(backend="postgresql").enqueue(1).id
    newer = tasks.echo.enqueue(1).id
    assert ids_of(call("job", "list", "--format", "json")) == [newer, older]
    assert ids_of(call("job", "list", "--format", "json", "--limit", "1")) == [newer]


@on_all_databases
def test_list_as_a_table_has_a_header_and_a_line_for_each_job() -> None:
    id = tasks.echo.using(tenant="acme").enqueue(1).id
    header, line = call("job", "list").out.splitlines()
    assert header.split()[:3] == ["ID", "STATE", "TASK"]
    assert line.split()[:5] == [id, "READY", ECHO, "default", "acme"]


@on_all_databases
def test_names_of_users_cannot_send_commands_to_the_terminal() -> None:
    job = tasks.echo.using(tenant="acme").enqueue(1)
    Job.objects.filter(public_id=job.id).update(tenant="a\x1b[2J\x07\u202eb\r\nc", reason="\x9b31m")
    for printed in (call("job", "list").out, call("job", "show", job.id).out):
        assert "\\x1b[2J\\x07\\u202eb\\r\\nc" in printed
        assert not {"\x1b", "\x07", "\r", "\u202e", "\x9b"} & set(printed)
    assert call("job", "list", "--format", "json").out.isascii()


# show


@on_each_database
def test_show_prints_everything_of_a_job(alias: str) -> None:
    job = tasks.succeed_on.using(backend=alias, max_tries=3, backoff=0, tenant="acme").enqueue(2)
    run_due(alias)
    (shown,) = call("job", "show", job.id, "--backend", alias, "--format", "json").json
    assert (shown["state"], shown["tries"], shown["attempt"]) == ("SUCCESSFUL", 2, 2)
    assert (shown["args"], shown["kwargs"], shown["result"]) == ([2], {}, 2)
    assert len(shown["worker_ids"]) == 2
    assert shown["errors"][0]["exception_class_path"] == "builtins.ValueError"
    assert "attempt 1" in shown["errors"][0]["traceback"]
    printed = call("job", "show", job.id, "--backend", alias).out
    assert "attempt 1: retry on" in printed
    assert "error: builtins.ValueError" in printed
    assert "ValueError: attempt 1" in printed
    assert "attempt 2: succeeded on" in printed


@on_each_database
def test_show_prints_the_log_of_each_try_and_hides_private_metadata(alias: str) -> None:
    on = tasks.chat.using(backend=alias, metadata={"color": "red", "_hidden": 1})
    job = on.enqueue("\x1b[2Jhello")
    run_due(alias)
    (shown,) = call("job", "show", job.id, "--backend", alias, "--format", "json").json
    (attempt,) = shown["attempts"]
    assert (attempt["attempt"], attempt["verdict"], attempt["failure"]) == (1, "succeeded", None)
    assert "WARNING tests.app.chat: " in attempt["log"]
    assert attempt["started_at"] <= attempt["finished_at"]
    assert shown["metadata"] == {"color": "red"}
    printed = call("job", "show", job.id, "--backend", alias).out
    assert "attempt 1: succeeded on" in printed
    assert "tests.app.chat: \\x1b[2Jhello" in printed
    assert "_hidden" not in printed


@on_each_database
def test_show_says_why_a_ready_job_stands_apart(alias: str) -> None:
    id = tasks.echo.using(backend=alias).enqueue(1).id
    assert "Waits" not in call("job", "show", id, "--backend", alias).out
    lose(store_of(alias), *claim(store_of(alias)))

    (shown,) = call("job", "show", id, "--backend", alias, "--format", "json").json
    assert (shown["state"], shown["parked_for"]) == ("READY", "suspect")
    printed = call("job", "show", id, "--backend", alias).out
    assert "Waits to run alone, since its worker died while it ran." in printed


@on_each_database
def test_show_says_what_bounds_the_task(alias: str) -> None:
    id = tasks.echo.using(backend=alias).enqueue(1).id
    words = ("job", "show", id, "--backend", alias, "--format", "json")
    assert call(*words).json[0]["limits"] is None
    gate = "tests.app.tasks.echo max_running=3 max_rate=10/s"
    Job.objects.using(database_of(alias)).update(gate=gate)
    assert call(*words).json[0]["limits"] == "max_running 3, max_rate 10/s"


@on_all_databases
def test_show_prints_what_it_finds_and_fails_for_what_it_does_not() -> None:
    id, missing = tasks.echo.enqueue(1).id, str(uuid4())
    called = call("job", "show", id, missing, "--format", "json")
    assert ids_of(called) == [id]
    assert called.status == 1
    assert called.err == f"There is no job with the id {missing}."


@on_all_databases
def test_show_gives_json_that_cannot_be_read_as_the_text_it_is() -> None:
    id = tasks.echo.enqueue(1).id
    Job.objects.filter(public_id=id).update(
        args="[1,", metadata="NaN", worker_ids="{", progress="1"
    )
    (shown,) = call("job", "show", id, "--format", "json").json
    assert (shown["args"], shown["metadata"], shown["worker_ids"]) == ("[1,", "NaN", "{")
    assert "[1," in call("job", "show", id).out


@on_all_databases
def test_show_survives_arguments_nested_as_deeply_as_can_be_stored() -> None:
    value: Any = []
    for _ in range(800):
        value = [value]
    id = tasks.echo.enqueue(value).id
    assert call("job", "show", id).status == 0
    assert call("job", "show", id, "--format", "json").json[0]["args"] == [value]


# cancel, retry, requeue


@on_each_database
def test_cancel_reports_the_state_before_and_after_of_each_job(alias: str) -> None:
    first, second = (tasks.echo.using(backend=alias).enqueue(n).id for n in range(2))
    called = call("job", "cancel", first, second, "--backend", alias, "--format", "json")
    assert called.status == 0
    assert [(line["id"], line["before"], line["after"]) for line in called.json] == [
        (first, "READY", "CANCELED"),
        (second, "READY", "CANCELED"),
    ]
    assert state_of(first, alias) == "CANCELED"


@on_each_database
def test_cancel_asks_a_running_job_to_stop(alias: str) -> None:
    gate = f"cancel on {alias}"
    job = tasks.hold.using(backend=alias).enqueue(gate)
    with running(alias):
        wait_until_running(job, gate)
        called = call("job", "cancel", job.id, "--backend", alias)
        gates.open_gate(gate)
    assert called.status == 0
    assert "asked to stop" in called.out


@on_each_database
def test_a_job_that_had_ended_is_not_canceled_and_the_others_are(alias: str) -> None:
    ended = tasks.echo.using(backend=alias).enqueue(1).id
    run_due(alias)
    waiting = tasks.echo.using(backend=alias).enqueue(2).id
    called = call("job", "cancel", ended, waiting, "--backend", alias, "--format", "json")
    assert called.status == 1
    assert f"1 of 2 jobs stayed as before: {ended}." in called.err
    assert [line["is_done"] for line in called.json] == [False, True]
    assert (state_of(ended, alias), state_of(waiting, alias)) == ("SUCCESSFUL", "CANCELED")


@on_each_database
def test_retry_runs_a_failed_job_again(alias: str) -> None:
    job = tasks.fail.using(backend=alias).enqueue()
    run_due(alias)
    called = call("job", "retry", job.id, "--backend", alias, "--format", "json")
    assert called.status == 0
    assert (called.json[0]["before"], called.json[0]["after"]) == ("FAILED", "READY")
    assert state_of(job.id, alias) == "READY"


@on_all_databases
def test_retry_of_a_job_that_waits_changes_nothing_and_fails() -> None:
    id = tasks.echo.enqueue(1).id
    called = call("job", "retry", id)
    assert called.status == 1
    assert "only failed, canceled and skipped jobs can" in called.out


@on_each_database
def test_requeue_enqueues_a_copy_and_leaves_the_job(alias: str) -> None:
    job = tasks.echo.using(backend=alias, tenant="acme").enqueue({"a": 1})
    run_due(alias)
    called = call("job", "requeue", job.id, "--backend", alias, "--format", "json")
    assert called.status == 0
    copy = get_job(called.json[0]["note"].removeprefix("copy "), alias)
    assert (copy.state, copy.tenant, copy.args) == (State.READY, "acme", '[{"a":1}]')
    assert state_of(job.id, alias) == "SUCCESSFUL"


@pytest.mark.parametrize("verb", ["cancel", "retry", "requeue"])
@on_all_databases
def test_an_unknown_job_is_reported_and_the_others_are_done(verb: str) -> None:
    id, missing = tasks.fail.enqueue().id, str(uuid4())
    if verb == "retry":
        run_due("default")
    called = call("job", verb, missing, id, missing, "--format", "json")
    assert called.status == 1
    assert called.json[0]["id"] == missing
    assert called.json[0]["note"] == "no such job"
    assert [line["is_done"] for line in called.json] == [False, True]


@on_all_databases
def test_jobs_of_several_aliases_are_changed_by_one_call() -> None:
    ids = [tasks.echo.using(backend=alias).enqueue(1).id for alias in ("default", "postgresql")]
    assert call("job", "cancel", *ids).status == 0
    assert call("job", "cancel", ids[0], "--backend", "postgresql").status == 1


# enqueue


@on_each_database
def test_enqueue_takes_arguments_and_options(alias: str) -> None:
    called = call(
        "job", "enqueue", ECHO, "--args", "[1]", "--kwargs", '{"b": "x"}', "--tenant", "acme",
        "--queue", "emails", "--priority", "7", "--max-tries", "3", "--backend", alias,
        "--run-after", "2h", "--format", "json",
    )  # fmt: skip
    assert called.status == 0
    job = get_job(called.json["id"], alias)
    assert (job.args, job.kwargs) == ("[1]", '{"b":"x"}')
    assert (job.tenant, job.queue, job.priority, job.max_tries) == ("acme", "emails", 7, 3)
    assert job.state == State.SCHEDULED
    assert job.run_after is not None
    assert timedelta(minutes=119) < job.run_after - timezone.now() <= timedelta(hours=2)


@on_each_database
def test_enqueue_with_a_predictable_id_obeys_what_is_said_of_a_second_one(alias: str) -> None:
    words = ("job", "enqueue", ECHO, "--task-id", "nightly", "--backend", alias)
    first = call(*words, "--args", "[1]").out.strip()
    refused = call(*words)
    assert refused.status == 1
    assert f"The task_id 'nightly' is held by job {first}, which is READY." in refused.err
    assert call(*words, "--on-duplicate", "return").out.strip() == first
    assert call(*words, "--on-duplicate", "replace", "--args", "[2]").out.strip() == first
    assert get_job(first, alias).args == "[2]"
    (shown,) = call("job", "show", first, "--backend", alias, "--format", "json").json
    assert shown["task_id"] == "nightly"
    assert "nightly" in call("job", "list", "--backend", alias).out


@on_each_database
def test_a_retry_of_a_job_whose_id_is_taken_says_by_which_job(alias: str) -> None:
    task = tasks.echo.using(backend=alias, task_id="nightly")
    first = task.enqueue(1).id
    call("job", "cancel", first, "--backend", alias)
    held = task.enqueue(2).id
    called = call("job", "retry", first, "--backend", alias)
    assert called.status == 1
    assert f"its task_id is held by {held}" in called.out
    assert (state_of(first, alias), state_of(held, alias)) == ("CANCELED", "READY")


@on_all_databases
def test_enqueue_prints_the_id_and_the_job_runs() -> None:
    called = call("job", "enqueue", "tests.app.tasks.plainly_decorated", "--args", '["v"]')
    run_due("default")
    assert get_job(called.out.strip()).result == '"v"'


@on_all_databases
def test_enqueue_takes_a_time_in_the_current_zone() -> None:
    with timezone.override("Europe/Paris"):
        called = call("job", "enqueue", ECHO, "--run-after", "2030-07-01T12:00")
    moment = get_job(called.out.strip()).run_after
    assert moment is not None
    assert moment.isoformat() == "2030-07-01T10:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["os.system", "--args", '["true"]'], "Expected 'os.system' to be a function decorated"),
        (["no.such.module"], "cannot be imported"),
        (["nonsense"], "cannot be imported"),
        ([ECHO, "--args", '{"a": 1}'], "--args: expected JSON with an array"),
        ([ECHO, "--args", "[NaN]"], "--args: expected JSON with an array"),
        ([ECHO, "--kwargs", "[1]"], "--kwargs: expected JSON with an object"),
        ([ECHO, "--priority", "101"], "--priority: expected a whole number from -100 to 100"),
        ([ECHO, "--run-after", "soon"], "--run-after: expected a time like"),
        ([ECHO, "--max-tries", "0"], "--max-tries: expected a whole number of at least 1"),
        ([ECHO, "--task-id", "x" * 201], "task_id"),
        ([ECHO, "--on-duplicate", "return"], "on_duplicate: expected a task_id beside it"),
        ([ECHO, "--task-id", "a", "--on-duplicate", "b"], "--on-duplicate: invalid choice"),
        ([ECHO, "--tenant", "x" * 129], "tenant"),
        ([ECHO, "--queue", "a\nb"], "queue_name"),
        ([ECHO, "--backend", "nowhere"], "TASKS has not"),
        ([ECHO, "--backend", "threads"], "--backend: the jobs of 'threads' live in the memory"),
    ],
)
@on_all_databases
def test_enqueue_refuses_what_is_wrong_with_a_sentence(words: list[str], told: str) -> None:
    called = call("job", "enqueue", *words)
    assert told in called.err
    assert called.status == 2 or called.err.startswith("Error: argument")
    assert not Job.objects.exists()


# The command line.


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["show"],
        ["show", "not-an-id"],
        ["list", "--state", "DONE"],
        ["list", "--limit", "0"],
        ["list", "--format", "yaml"],
        ["list", "--backend", "nowhere"],
    ],
)
def test_a_wrong_command_line_is_refused(words: list[str]) -> None:
    assert call("job", *words).err


@override_settings(
    TASKS={"default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend", "QUEUES": []}}
)
def test_without_a_durable_alias_there_is_nothing_to_look_at() -> None:
    called = call("job", "list")
    assert called.status == 2
    assert "No alias in TASKS keeps its jobs where a command can see them." in called.err


@on_each_database
def test_the_exit_status_of_the_process_tells_what_happened(alias: str) -> None:
    id = tasks.echo.using(backend=alias).enqueue(1).id

    def status(*words: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "django", "job", *words],
            env=servers.environment_for_children(),
            capture_output=True,
            check=False,
        ).returncode

    assert status("show", id, "--backend", alias) == 0
    assert status("show", str(uuid4()), "--backend", alias) == 1
    assert status("show", "not-an-id") == 2
    assert status("enqueue", "os.system", "--backend", alias) == 2


# cancel, all that match


@on_each_database
def test_cancel_by_filter_takes_what_matches_and_has_not_ended(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "BATCH", 2)
    monkeypatch.setattr(clearing, "READ", 3)
    acme = tasks.echo.using(backend=alias, tenant="acme")
    ended = acme.enqueue(0).id
    run_due(alias)
    waiting = [acme.enqueue(n).id for n in range(5)]
    waiting += [acme.using(run_after=timedelta(hours=1)).enqueue(5).id]
    held = acme.using(queue_name="held").enqueue(6).id
    [claimed] = store_of(alias).claim(ClaimRequest("host:1:w", 1, ("held",)))
    assert claimed.id == held
    others = [
        tasks.echo.using(backend=alias, tenant="globex").enqueue(7).id,
        tasks.nothing.using(backend=alias, tenant="acme").enqueue().id,
    ]
    words = ("job", "cancel", "--tenant", "acme", "--task", ECHO, "--no-input")
    called = call(*words, "--backend", alias, "--format", "json")
    assert (called.status, called.json) == (0, {alias: {"canceled": 6, "asked": 1}})
    assert {state_of(id, alias) for id in waiting} == {"CANCELED"}
    assert (state_of(held, alias), state_of(ended, alias)) == ("RUNNING", "SUCCESSFUL")
    assert get_job(held, alias).cancel_asked_at is not None
    assert [state_of(id, alias) for id in others] == ["READY", "READY"]
    again = call(*words, "--backend", alias)
    assert again.out.split()[-3:] == [alias, "0", "0"]


@on_each_database
def test_cancel_by_state_leaves_jobs_in_others(alias: str) -> None:
    ready = tasks.echo.using(backend=alias).enqueue(1).id
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1).id
    call("job", "cancel", "--state", "scheduled", "--no-input", "--backend", alias)
    assert (state_of(ready, alias), state_of(later, alias)) == ("READY", "CANCELED")


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [("yes\n", 0, "CANCELED"), ("no\n", 1, "READY"), ("", 2, "READY")],
)
@on_all_databases
def test_cancel_by_filter_tells_how_many_match_and_asks(
    answer: str,
    status: int,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ids = [tasks.echo.using(queue_name="mail").enqueue(n).id for n in range(3)]
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    called = call("job", "cancel", "--queue", "mail", "--backend", "default")
    assert "Jobs that match and have not ended: 3." in capsys.readouterr().err
    assert (called.status, {state_of(id, "default") for id in ids}) == (status, {state})


@on_all_databases
def test_an_interrupted_cancel_says_what_it_has_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "BATCH", 2)
    ids = [tasks.echo.using(queue_name="mail").enqueue(n).id for n in range(5)]
    cancel = clearing.cancel_known
    batches = iter([None, None])

    def interrupted(ids: list[str], backend: str) -> Any:
        if next(batches, KeyboardInterrupt) is KeyboardInterrupt:
            raise KeyboardInterrupt
        return cancel(ids, backend)

    monkeypatch.setattr(clearing, "cancel_known", interrupted)
    called = call("job", "cancel", "--queue", "mail", "--no-input", "--backend", "default")
    assert called.status == 1
    assert called.err == "Interrupted. Jobs canceled, or asked to stop, before: 4."
    assert sorted(state_of(id, "default") for id in ids) == ["CANCELED"] * 4 + ["READY"]


@pytest.mark.parametrize(
    ("words", "got"),
    [([], "neither"), ([str(uuid4()), "--queue", "mail"], "both"), (["--state", "failed"], "")],
)
def test_cancel_wants_ids_or_a_filter_of_unfinished_jobs(words: list[str], got: str) -> None:
    called = call("job", "cancel", *words)
    assert called.status != 0
    assert f"got {got}" in called.err or "invalid choice" in called.err
