"""Jobs whose task a worker cannot import: given back for a while, then the end."""

import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.tasks import task_backends
from django.test import override_settings

from django_taskq import loading
from django_taskq.control import cancel, get_job, retry, store_of
from django_taskq.jobs import sighting
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State
from django_taskq.worker.calls import MOST_OFFERS, Calls
from django_taskq.worker.pool.executor import ProcessExecutor
from django_taskq.worker.run import Call, Ended
from django_taskq.worker.runner import Runner
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.worker import Worker
from tests.app import tasks
from tests.deadlines import wait_until
from tests.each_database import on_each_database
from tests.running import run_due, running
from tests.worker.claims import claim_of

GONE = "tests.worker.gone.task"
LATE = "tests.worker.late"
LONGEST = 60.0
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def forget_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test look for its tasks anew."""
    monkeypatch.setattr(loading, "_missing", {})
    monkeypatch.setattr(loading, "_by_path", {})
    monkeypatch.delitem(sys.modules, LATE, raising=False)


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Make the late module importable, when it is called."""
    marker = tmp_path / "deployed"
    monkeypatch.setenv("TASKQ_TEST_LATE", str(marker))
    return marker.touch


def made(claim: Claim, **values: Any) -> Call | Ended:
    """Return what a worker of the database's alias makes of a claim."""
    return Calls("default", lambda: None, lambda: False, **values).make(claim)


def outcome_of(claim: Claim, **values: Any) -> Outcome:
    """Return how a claim ends that cannot be called."""
    ended = made(claim, **values)
    assert isinstance(ended, Ended)
    return ended.outcome


def claim_at(seconds: float, ctx: str | None = None, **values: Any) -> Claim:
    """Return a claim so many seconds after the first one."""
    at = START + timedelta(seconds=seconds)
    return claim_of(**{"task": GONE, "claimed_at": at, "ctx": ctx, **values})


def insert(alias: str, path: str, kwargs: str = "{}") -> str:
    """Store a job as a process does whose code has the task."""
    return store_of(alias).insert([JobSpec(new_id(), path, "[]", kwargs)])[0].id


def wait_given_back(id: str, alias: str) -> None:
    wait_until(
        lambda: "gave it back to others" in (get_job(id, alias).reason or ""),
        timeout=LONGEST,
        what="the job to be given back",
    )


def wait_ended(id: str, alias: str) -> Any:
    wait_until(lambda: get_job(id, alias).is_ended, timeout=LONGEST, what="the job to end")
    return get_job(id, alias)


# What a worker decides.


@pytest.mark.parametrize("path", [GONE, "tests.app.tasks.gone", "os.system", LATE + ".arrive"])
def test_what_cannot_be_imported_is_given_back_at_no_cost(
    path: str, deploy: Callable[[], None]
) -> None:
    outcome = outcome_of(claim_at(0, task=path))
    assert (outcome.verdict, outcome.started_at, outcome.worker_ids) == (
        Verdict.RELEASED, None, "[]",
    )  # fmt: skip
    assert (outcome.costs_try, outcome.needs_attempt_row) == (False, False)
    assert 0.9 < outcome.delay <= 1.1
    assert path in (outcome.reason or "")


def test_it_is_given_back_until_the_grace_is_over_and_then_fails() -> None:
    ctx, at, pauses = '{"theirs":1}', 0.0, []
    while (outcome := outcome_of(claim_at(at, ctx))).verdict is Verdict.RELEASED:
        ctx = outcome.ctx or ""
        pauses.append(outcome.delay)
        # The claim comes a little late, as it does.
        at += outcome.delay + 0.01
    assert 60 <= at < 62
    assert 10 < len(pauses) < 20
    assert (outcome.verdict, outcome.failure) == (Verdict.FAILED, Failure.UNLOADABLE)
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"The task {GONE!r} cannot be imported: ModuleNotFoundError")
    assert outcome.reason.endswith(
        "No worker could since 2026-11-24 12:00:00+00:00, for longer than the 60 s of "
        "UNLOADABLE_GRACE."
    )
    assert outcome.error is not None
    assert "UNLOADABLE_GRACE" in outcome.error.traceback
    # A retry begins anew.
    assert outcome.ctx == '{"theirs":1}'


def test_many_of_them_come_again_no_faster_than_a_worker_can_look_at_them() -> None:
    calls = Calls("default", lambda: None, lambda: False)
    delays = [calls.make(claim_at(0)).outcome.delay for _ in range(3 * MOST_OFFERS)]  # type: ignore[union-attr]
    assert delays[0] == 1.0
    # However fast they came: a second of them, and the next, and the next.
    assert 1.5 < delays[-1] <= 3.01
    assert sum(delay <= 1.0 for delay in delays) < 2.5 * MOST_OFFERS


def test_a_worker_that_is_the_last_to_come_fails_it_at_once() -> None:
    outcome = outcome_of(claim_at(0), is_last_chance=True)
    assert (outcome.verdict, outcome.failure) == (Verdict.FAILED, Failure.UNLOADABLE)
    assert "UNLOADABLE_GRACE" not in (outcome.reason or "")


def test_a_grace_of_nothing_fails_it_at_once() -> None:
    ended = Calls("threads", lambda: None, lambda: False).make(claim_at(0))
    assert isinstance(ended, Ended)
    assert ended.outcome.failure == Failure.UNLOADABLE


@pytest.mark.parametrize("values", [{"args": "nonsense"}, {"args": "{}"}, {"kwargs": "[1]"}])
def test_arguments_that_cannot_be_read_are_not_given_back(values: dict[str, str]) -> None:
    outcome = outcome_of(claim_at(0, task="tests.app.tasks.echo", **values))
    assert (outcome.verdict, outcome.failure) == (Verdict.FAILED, Failure.UNLOADABLE)


def test_arguments_that_the_task_does_not_take_fail_a_try_that_names_them() -> None:
    ended: list[Ended] = []
    runner = Runner(
        Calls("default", lambda: None, lambda: False), ended.append, keeps_connections=True
    )
    runner.run(claim_at(0, task="tests.worker.tasks.remember", args="[1]", kwargs='{"colour":1}'))
    (outcome,) = [each.outcome for each in ended]
    assert (outcome.verdict, outcome.failure) == (Verdict.FAILED, Failure.ERROR)
    assert outcome.reason == ("TypeError: remember() got an unexpected keyword argument 'colour'")
    assert outcome.error is not None
    assert "other arguments than its task takes: remember(value: Any) -> Any." in (
        outcome.error.traceback
    )


def test_a_type_error_from_inside_of_the_task_says_nothing_of_its_signature() -> None:
    ended: list[Ended] = []
    runner = Runner(
        Calls("default", lambda: None, lambda: False), ended.append, keeps_connections=True
    )
    runner.run(claim_at(0, task="tests.app.tasks.fail", args='["TypeError"]'))
    (outcome,) = [each.outcome for each in ended]
    assert outcome.error is not None
    assert "other arguments" not in outcome.error.traceback


def test_the_first_sighting_counts_once_and_not_from_worker_to_worker() -> None:
    first = outcome_of(claim_at(0))
    second = outcome_of(claim_at(58, first.ctx, worker_id="host:2:b"))
    assert second.delay == pytest.approx(2, abs=0.2)
    assert "Worker host:2:b" in (second.reason or "")


def test_a_job_that_was_loaded_meanwhile_has_its_whole_grace_again() -> None:
    first = outcome_of(claim_at(0))
    later = outcome_of(claim_at(600, first.ctx, worker_ids='["host:2:b"]'))
    assert later.verdict is Verdict.RELEASED


# What jobs see of it.


def given_back_before(path: str, kwargs: str = "{}") -> Claim:
    ctx = outcome_of(claim_at(0, '{"theirs":1}')).ctx
    return claim_at(5, ctx, task=path, kwargs=kwargs)


def test_the_task_does_not_see_in_ctx_that_it_was_given_back(deploy: Callable[[], None]) -> None:
    deploy()
    call = made(given_back_before(f"{LATE}.arrive"))
    assert isinstance(call, Call)
    assert call.job.ctx == {"theirs": 1}
    call.job.ctx["mine"] = 2
    assert call.notepad.changed_ctx() == '{"theirs":1,"mine":2}'


@pytest.mark.parametrize("is_read", [False, True])
def test_a_failed_try_keeps_of_ctx_what_is_the_jobs_own(
    deploy: Callable[[], None], is_read: bool
) -> None:
    deploy()
    ended: list[Ended] = []
    runner = Runner(
        Calls("default", lambda: None, lambda: False), ended.append, keeps_connections=True
    )
    reading = given_back_before(f"{LATE}.arrive", '{"page":"fail"}')
    runner.run(reading if is_read else given_back_before("tests.app.tasks.fail"))
    assert ended[0].outcome.ctx == '{"theirs":1}'


# What is remembered.


def test_a_failed_import_is_not_tried_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looked = [100.0], []
    import_string = loading.import_string
    monkeypatch.setattr(loading, "monotonic", lambda: now[0])
    monkeypatch.setattr(
        loading, "import_string", lambda path: (looked.append(path), import_string(path))[1]
    )
    for _ in range(50):
        with pytest.raises(loading.JobUnloadable, match="cannot be imported"):
            loading.load_task(GONE)
    assert looked == [GONE]
    now[0] += loading.REMEMBERED
    with pytest.raises(loading.JobUnloadable):
        loading.load_task(GONE)
    assert looked == [GONE] * 2


def test_a_module_that_is_deployed_later_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(loading, "REMEMBERED", 0.0)
    monkeypatch.setattr(loading, "REMEMBERED_TIMES", 0)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(loading.JobUnloadable):
        loading.load_task("taskq_test_deployed.arrive")
    code = "from django_taskq import task\n@task()\ndef arrive():\n    return 1\n"
    (tmp_path / "taskq_test_deployed.py").write_text(code)
    try:
        assert loading.load_task("taskq_test_deployed.arrive").func() == 1
    finally:
        del sys.modules["taskq_test_deployed"]


def test_a_worker_says_once_in_a_while_what_it_cannot_import(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls("default", lambda: None, lambda: False)
    now = [1000.0]
    monkeypatch.setattr("django_taskq.worker.calls.monotonic", lambda: now[0])
    with caplog.at_level(logging.WARNING, "django_taskq.worker"):
        for path in [GONE] * 20 + ["tests.worker.gone.other"]:
            calls.make(claim_at(0, task=path))
        assert [GONE in line for line in caplog.messages] == [True, False]
        now[0] += 61
        calls.make(claim_at(0))
    assert len(caplog.messages) == 3
    assert "is given back. Worker host:1:abc could not load it" in caplog.messages[-1]


# Workers.


@on_each_database
@pytest.mark.parametrize("name", ["arrive", "aarrive"])
def test_a_job_waits_for_the_worker_that_can_load_it(
    alias: str, deploy: Callable[[], None], name: str
) -> None:
    id = insert(alias, f"{LATE}.{name}")
    with running(alias):
        wait_given_back(id, alias)
        job = get_job(id, alias)
        assert (job.tries, job.errors, job.failure) == (0, (), None)
        deploy()
        job = wait_ended(id, alias)
    assert (job.state, job.result, job.tries, job.errors) == (State.SUCCESSFUL, "{}", 1, ())
    assert job.attempt >= 2
    assert len(job.worker_ids) == 1


@on_each_database
def test_a_burst_does_not_wait_for_others(alias: str, deploy: Callable[[], None]) -> None:
    id = insert(alias, f"{LATE}.arrive")
    run_due(alias)
    job = get_job(id, alias)
    assert (job.state, job.failure, job.attempt) == (State.FAILED, Failure.UNLOADABLE, 1)
    deploy()
    retry(id, alias)
    loading._missing.clear()
    run_due(alias)
    assert get_job(id, alias).state == State.SUCCESSFUL


@on_each_database
def test_a_job_that_is_given_back_can_be_canceled_and_retried(
    alias: str, deploy: Callable[[], None]
) -> None:
    id = insert(alias, f"{LATE}.arrive")
    with running(alias):
        wait_given_back(id, alias)
        cancel(id, alias)
        assert wait_ended(id, alias).state == State.CANCELED
        deploy()
        retry(id, alias)
        assert wait_ended(id, alias).state == State.SUCCESSFUL


@on_each_database
def test_a_flood_of_an_unknown_task_does_not_hold_up_the_others(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    import_string = loading.import_string
    monkeypatch.setattr(
        loading, "import_string", lambda path: (looked.append(path), import_string(path))[1]
    )
    store_of(alias).insert([JobSpec(new_id(), GONE) for _ in range(2000)])
    behind = [tasks.echo.using(backend=alias).enqueue(n).id for n in range(20)]
    with running(alias):
        for id in behind:
            assert wait_ended(id, alias).state == State.SUCCESSFUL
    # Once a second at the most, however many jobs there are.
    assert looked.count(GONE) <= LONGEST
    assert store_of(alias).insights().depth(State.READY, State.SCHEDULED) == 2000


def pool(**options: Any) -> Any:
    kind = "ProcessPoolBackend" if "START_METHOD" in options else "ThreadPoolBackend"
    entry = {"BACKEND": f"django_taskq.backends.{kind}", "QUEUES": [], "OPTIONS": options}
    return override_settings(TASKS={**django_settings.TASKS, "late": entry})


def start_pool() -> None:
    """Start the worker of a pool, which an insert by itself does not."""
    tasks.nothing.using(backend="late").enqueue()


def test_a_thread_pool_takes_up_again_what_it_could_not_load(deploy: Callable[[], None]) -> None:
    with pool(MAX_WORKERS=2):
        backend: Any = task_backends["late"]
        try:
            start_pool()
            id = insert("late", f"{LATE}.arrive")
            start_pool()
            wait_given_back(id, "late")
            deploy()
            assert wait_ended(id, "late").result == "{}"
        finally:
            backend.close()


def test_the_child_of_a_process_pool_gives_back_what_it_alone_cannot_load(
    deploy: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKQ_TEST_LATE_PID", str(os.getpid()))
    with pool(MAX_WORKERS=1, START_METHOD="spawn"):
        backend: Any = task_backends["late"]
        try:
            result = loading.load_task(f"{LATE}.arrive").using(backend="late").enqueue()
            wait_given_back(result.id, "late")
            assert sighting.KEY not in str(get_job(result.id, "late").metadata)
            deploy()
            assert wait_ended(result.id, "late").result == "{}"
        finally:
            backend.close()


def test_the_child_of_a_burst_does_not_give_back(
    deploy: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKQ_TEST_LATE_PID", str(os.getpid()))
    with pool(MAX_WORKERS=1, START_METHOD="spawn"):
        backend: Any = task_backends["late"]
        id = insert("late", f"{LATE}.arrive")
        worker = Worker(
            backend.store,
            WorkerSettings(threads=1, is_burst=True),
            type(backend),
            partial(ProcessExecutor, method="spawn"),
        )
        worker.run()
        job = get_job(id, "late")
        assert (job.state, job.failure, job.attempt) == (State.FAILED, Failure.UNLOADABLE, 1)
        backend.store.close()
