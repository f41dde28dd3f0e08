"""What only the process pool promises: parallel jobs, and deaths that cost one job each."""

import asyncio
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.tasks import TaskResult, TaskResultStatus, task_backends
from django.tasks.signals import task_finished, task_started

from django_taskq import cancel, get_job, wait
from django_taskq.backends.processpool import count_cpus
from django_taskq.exceptions import JobLost
from tests.aliases import on_database
from tests.app import gates, journal, process_tasks, tasks
from tests.backends.pools import is_running, pools, process_pool, thread_pool, wait_until_gone
from tests.deadlines import wait_until
from tests.running import wait_until_running

METHODS = [
    # Python warns of any fork beside other threads.
    pytest.param("fork", marks=pytest.mark.filterwarnings("ignore::DeprecationWarning")),
    "forkserver",
    "spawn",
]
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a gate of this test's own, opened at its end for whoever still waits there."""
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


def run(task: Any, *args: Any, backend: str = "pool", **options: Any) -> TaskResult:
    result: TaskResult = task.using(backend=backend, **options).enqueue(*args)
    return wait(result, timeout=20)


def pid_of_child() -> int:
    return int(run(process_tasks.where).return_value[0])


def children_of(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children()}


# Where and how jobs run.


@every_method
def test_jobs_run_in_a_child_that_ends_with_the_pool(method: str) -> None:
    # Leaves a thread behind that a forked process has not.
    asyncio.run(sync_to_async(int)())
    with pools(pool=process_pool(START_METHOD=method)):
        pid = pid_of_child()
        assert pid != os.getpid()
        assert run(process_tasks.awhere).return_value[0] != os.getpid()
        assert run(tasks.echo, {"a": [1, None]}).return_value == {"a": [1, None]}
        assert run(tasks.fail).status is TaskResultStatus.FAILED
    wait_until_gone(pid)


def test_two_jobs_that_compute_overlap_in_two_processes() -> None:
    with pools(pool=process_pool()):
        burn = process_tasks.burn.using(backend="pool")
        results = [wait(result, timeout=20) for result in burn.enqueue_many([((0.3,), {})] * 2)]
        (one, start, end), (two, next_start, next_end) = (r.return_value for r in results)
        assert one != two
        assert max(start, next_start) < min(end, next_end)


def test_children_start_as_they_are_needed(gate: str) -> None:
    with pools(pool=process_pool(MAX_WORKERS=4)):
        pid, nursery = run(process_tasks.where).return_value
        # Children of a pool before this one may still be on their way out.
        wait_until(lambda: children_of(nursery) == {pid}, what="one child to be all there is")
        held = tasks.hold.using(backend="pool").enqueue(gate)
        wait_until_running(held, gate)
        assert pid_of_child() in children_of(nursery) - {pid}
        gates.open_gate(gate)


def test_as_many_jobs_run_at_once_as_there_are_workers(gate: str) -> None:
    with pools(pool=process_pool(MAX_WORKERS=3)):
        hold = tasks.hold.using(backend="pool")
        held = [hold.enqueue(f"{gate} {number}", number) for number in range(5)]

        def reached() -> list[int]:
            return [number for number in range(5) if gates.is_reached(f"{gate} {number}")]

        wait_until(lambda: len(reached()) == 3, what="three jobs to run")
        # Time enough for a fourth one to start, if it could.
        run(tasks.echo, 1, backend="default")
        assert len(reached()) == 3
        for number in range(5):
            gates.open_gate(f"{gate} {number}")
        assert [wait(result, timeout=10).return_value for result in held] == [0, 1, 2, 3, 4]


def test_a_job_behind_an_unexpectedly_long_one_goes_to_another_child(gate: str) -> None:
    with pools(pool=process_pool()):
        # Many short ones: the pool sends several at a time to a child.
        for result in tasks.echo.using(backend="pool").enqueue_many(
            [((n,), {}) for n in range(99)]
        ):
            wait(result, timeout=10)
        long = tasks.hold.using(backend="pool")
        calls = [long.s(gate), *(tasks.echo.using(backend="pool").s(n) for n in range(20))]
        held, *others = long.enqueue_many(calls)
        for number, result in enumerate(others):
            assert wait(result, timeout=5).return_value == number
            assert result.attempts == 1
        assert get_job(held).state == "RUNNING"
        gates.open_gate(gate)
        wait(held, timeout=5)


def test_without_max_workers_there_is_one_for_each_cpu() -> None:
    with pools(pool={"BACKEND": "django_taskq.backends.ProcessPoolBackend"}):
        backend: Any = task_backends["pool"]
        assert backend.make_pool("pool", backend.settings)._threads == count_cpus()
    assert 1 <= count_cpus() <= (os.cpu_count() or 1)


def test_signals_are_sent_in_the_process_that_enqueues_and_in_order(gate: str) -> None:
    heard: list[tuple[str, int]] = []

    def hear_start(task_result: TaskResult, **kwargs: Any) -> None:
        heard.append(("started", os.getpid()))
        assert not gates.is_reached(gate)

    def hear_end(task_result: TaskResult, **kwargs: Any) -> None:
        heard.append((task_result.status, os.getpid()))

    task_started.connect(hear_start)
    task_finished.connect(hear_end)
    try:
        with pools(pool=process_pool()):
            gates.open_gate(gate)
            run(tasks.hold, gate)
            wait_until(lambda: len(heard) == 2, what="task_finished")
    finally:
        task_started.disconnect(hear_start)
        task_finished.disconnect(hear_end)
    assert heard == [("started", os.getpid()), ("SUCCESSFUL", os.getpid())]


# Deaths.


@pytest.mark.parametrize(
    ("way", "how"),
    [
        ("exit", "exited with status 3"),
        ("segfault", "was killed by signal 11 (SIGSEGV)"),
        (str(int(signal.SIGKILL)), "was killed by signal 9 (SIGKILL)"),
    ],
)
@every_method
def test_a_job_that_ends_its_process_fails_alone(method: str, way: str, how: str) -> None:
    with pools(pool=process_pool(MAX_LOST=1, START_METHOD=method)):
        echo = tasks.echo.using(backend="pool")
        die = process_tasks.die.using(backend="pool")
        calls = [*(echo.s(n) for n in range(10)), die.s(way), *(echo.s(n) for n in range(10, 20))]
        results = echo.enqueue_many(calls)
        dead = wait(results.pop(10), timeout=20)
        assert dead.status is TaskResultStatus.FAILED
        job = get_job(dead)
        assert (job.failure, job.lost) == ("lost", 1)
        assert how in str(job.reason)
        for number, result in enumerate(results):
            assert wait(result, timeout=20).return_value == number
            assert (result.attempts, get_job(result).lost) == (1, 0)


def test_a_lost_job_runs_again_and_may_succeed() -> None:
    with pools(pool=process_pool()):
        result = run(process_tasks.die, "exit", 2)
        assert result.return_value == 3
        assert [error.exception_class for error in result.errors] == [JobLost, JobLost]
        assert "exited with status 3 while it ran the job" in result.errors[0].traceback
        assert get_job(result).lost == 2


def test_a_job_that_is_lost_too_often_ends_with_one_signal() -> None:
    heard: list[tuple[TaskResultStatus, type | None]] = []

    def hear(task_result: TaskResult, **kwargs: Any) -> None:
        heard.append((task_result.status, sys.exc_info()[0]))

    task_finished.connect(hear)
    try:
        with pools(pool=process_pool()):
            result = run(process_tasks.die, "exit")
            assert result.attempts == 3
            assert get_job(result).failure == "lost"
            wait_until(lambda: heard, what="task_finished")
    finally:
        task_finished.disconnect(hear)
    assert heard == [(TaskResultStatus.FAILED, JobLost)]


def test_a_death_counts_as_a_try_where_tries_are_counted() -> None:
    with pools(pool=process_pool()):
        result = run(process_tasks.die, "exit", max_tries=1)
        assert (result.attempts, get_job(result).failure) == (1, "lost")


def test_twenty_random_kills_among_two_thousand_jobs_lose_none(gate: str) -> None:
    with pools(pool=process_pool(MAX_LOST=100, MAX_RESULTS=3000)):
        _, nursery = run(process_tasks.where).return_value
        write = tasks.write.using(backend="pool")
        results = write.enqueue_many([((gate, str(number)), {}) for number in range(2000)])
        killed: set[int] = set()

        def kill_one() -> bool:
            alive = sorted(children_of(nursery) - killed)
            if alive:
                killed.add(alive[0])
                os.kill(alive[0], signal.SIGKILL)
            return len(killed) >= 20 or get_job(results[-1]).is_ended

        wait_until(kill_one, timeout=30, what="twenty kills")
        for result in results:
            wait(result, timeout=30)
        assert {result.status for result in results} == {TaskResultStatus.SUCCESSFUL}
        jobs = [get_job(result) for result in results]
        # What stood in line while there was no child to run it was given back, free of charge.
        assert all(job.attempt >= 1 + job.lost and job.tries == 1 for job in jobs)
        assert sum(job.lost for job in jobs) <= len(killed)
        written = Counter(journal.read(gate))
        assert set(written) == {str(number) for number in range(2000)}
        assert all(written[str(n)] <= jobs[n].attempt for n in range(2000))


def test_a_module_that_kills_the_nursery_is_left_to_the_children(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(
        "import os\n"
        "if os.environ.get('DEADLY_PARENT') != str(os.getpid()):\n"
        "    os._exit(7)\n"
        "from django_taskq import task\n"
        "@task\n"
        "def strike():\n"
        "    return 1\n"
    )
    with pytest.MonkeyPatch.context() as patch, pools(pool=process_pool(MAX_LOST=1)):
        patch.setenv("DEADLY_PARENT", str(os.getpid()))
        patch.syspath_prepend(str(tmp_path))
        nursery = run(process_tasks.where).return_value[1]
        os.kill(nursery, signal.SIGKILL)
        wait_until(lambda: not is_running(nursery), what="the nursery to die")
        backend: Any = task_backends["pool"]
        backend.close()
        strike = import_module("deadly").strike
        result = run(strike)
        assert (result.status, get_job(result).failure) == (TaskResultStatus.FAILED, "lost")
        assert "exited with status 7" in str(get_job(result).reason)
        assert run(tasks.echo, 1).return_value == 1


def test_an_idle_child_that_was_killed_costs_no_job_anything() -> None:
    with pools(pool=process_pool()):
        pid = pid_of_child()
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)
        result = run(process_tasks.where)
        assert result.return_value[0] != pid
        assert (result.attempts, get_job(result).lost) == (1, 0)


def test_a_killed_nursery_is_replaced() -> None:
    with pools(pool=process_pool()):
        _, nursery = run(process_tasks.where).return_value
        os.kill(nursery, signal.SIGKILL)
        wait_until(lambda: not is_running(nursery), what="the nursery to die")
        result = run(process_tasks.where)
        assert result.status is TaskResultStatus.SUCCESSFUL
        assert result.return_value[1] not in (nursery, os.getpid())


def test_a_child_that_has_closed_its_wire_is_replaced() -> None:
    with pools(pool=process_pool(MAX_LOST=1)):
        assert run(process_tasks.close_all_files).status is TaskResultStatus.FAILED
        assert run(tasks.echo, 1).return_value == 1


def test_a_killed_child_was_asked_to_stop_before_ends_canceled(gate: str) -> None:
    with pools(pool=process_pool()):
        pid = pid_of_child()
        held = tasks.hold.using(backend="pool").enqueue(gate)
        wait_until_running(held, gate)
        assert cancel(held) is True
        os.kill(pid, signal.SIGKILL)
        assert wait(held, timeout=10).status is TaskResultStatus.FAILED
        assert get_job(held).state == "CANCELED"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_child_leaves_signals_to_its_parent(gate: str, number: signal.Signals) -> None:
    with pools(pool=process_pool()):
        pid = pid_of_child()
        held = tasks.hold.using(backend="pool").enqueue(gate, "held")
        wait_until_running(held, gate)
        os.kill(pid, number)
        gates.open_gate(gate)
        assert wait(held, timeout=10).return_value == "held"
        assert is_running(pid)


def test_a_child_that_cannot_start_keeps_the_jobs_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pools(pool=process_pool(START_METHOD="spawn")):
        with monkeypatch.context() as broken:
            broken.setenv("DJANGO_SETTINGS_MODULE", "tests.settings_of_nobody")
            result = tasks.echo.using(backend="pool").enqueue(1)
            wait_until(lambda: "before it was ready" in caplog.text, what="the log line")
            assert not get_job(result).is_ended
        assert wait(result, timeout=20).return_value == 1
        assert (result.attempts, get_job(result).lost) == (1, 0)


# What comes back.


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("unpicklable", "tests.app.process_tasks.Unpicklable", "salt and pepper"),
        ("untold", "tests.app.process_tasks.Untold", "Untold"),
        ("local", "tests.app.process_tasks.fail_strangely.<locals>.Inner", "inside"),
    ],
)
def test_an_exception_that_is_hard_to_hand_on_fails_its_job_alone(
    kind: str, name: str, told: str
) -> None:
    with pools(pool=process_pool()):
        pid = pid_of_child()
        result = run(process_tasks.fail_strangely, kind)
        assert result.status is TaskResultStatus.FAILED
        (error,) = result.errors
        assert error.exception_class_path == name
        assert told in error.traceback
        assert "fail_strangely" in error.traceback
        assert is_running(pid)


# From inside a job.


@every_method
def test_a_job_enqueues_on_its_own_pool_and_on_another_of_the_process(method: str) -> None:
    with pools(pool=process_pool(START_METHOD=method), threads=thread_pool()):
        for alias in ("pool", "threads"):
            inner = run(process_tasks.enqueue_on, alias).return_value
            found = task_backends[alias].get_result(inner)
            wait(found, timeout=10)
            assert (found.return_value[0] == os.getpid()) is (alias == "threads")


@on_database("default", "postgresql")
def test_a_job_enqueues_on_a_durable_alias(settings: Any) -> None:
    durable = {"postgresql": settings.TASKS["postgresql"]}
    with pools(pool=process_pool(), **durable):
        inner = run(process_tasks.enqueue_on, "postgresql").return_value
        assert get_job(inner, "postgresql").state == "READY"


@pytest.mark.parametrize("alias", ["pool", "threads"])
def test_a_job_does_with_jobs_in_memory_what_callers_do(alias: str) -> None:
    with pools(pool=process_pool(), threads=thread_pool()):
        assert run(process_tasks.ask_parent, alias).return_value == {
            "value": "waited",
            "errors": ["builtins.ValueError"],
            "canceled": True,
            "state": "CANCELED",
            "retried": 2,
            "again": "waited",
            "many": 3,
        }


def test_a_job_is_told_what_can_be_asked_for_in_the_parent_alone() -> None:
    with pools(pool=process_pool()):
        result = run(process_tasks.find_all, "pool")
        assert result.errors[0].exception_class_path == "django_taskq.exceptions.TaskqError"
        assert "ask for anything else there" in result.errors[0].traceback


@on_database("default", "postgresql")
@every_method
def test_no_child_shares_a_database_connection_with_its_parent(method: str) -> None:
    with connections["postgresql"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ours = cursor.fetchone()[0]
        with pools(pool=process_pool(START_METHOD=method)):
            theirs = run(process_tasks.backend_pid, "postgresql").return_value
            assert theirs != ours
            assert run(tasks.mark, "from a child", "postgresql").status == "SUCCESSFUL"
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] == ours
        cursor.execute("SELECT text FROM tests_app_mark")
        assert cursor.fetchall() == [("from a child",)]


# The end of a pool.


def test_close_lets_the_running_job_end_and_tells_it_to_stop(gate: str) -> None:
    with pools(pool=process_pool()):
        stopping = tasks.run_until_stopped.using(backend="pool").enqueue(gate)
        wait_until_running(stopping, gate)
        later = tasks.echo.using(backend="pool", run_after=timedelta(days=1)).enqueue(1)
        backend: Any = task_backends["pool"]
        backend.close()
        stopping.refresh()
        assert stopping.return_value == "stopped"
        assert get_job(later).state == "CANCELED"


def test_jobs_that_were_sent_ahead_get_a_final_state_when_the_pool_closes(gate: str) -> None:
    with pools(pool=process_pool(MAX_WORKERS=1)):
        hold = tasks.hold.using(backend="pool")
        held = hold.enqueue(gate, "held")
        wait_until_running(held, gate)
        queued = tasks.echo.using(backend="pool").enqueue_many([((n,), {}) for n in range(30)])
        backend: Any = task_backends["pool"]
        closer = threading.Thread(target=backend.close)
        closer.start()
        gates.open_gate(gate)
        closer.join(15)
        assert not closer.is_alive()
        held.refresh()
        assert held.return_value == "held"
        assert all(get_job(result).is_ended for result in queued)


def test_a_closed_pool_starts_again_with_the_next_job() -> None:
    with pools(pool=process_pool()):
        first = pid_of_child()
        backend: Any = task_backends["pool"]
        backend.close()
        wait_until_gone(first)
        assert pid_of_child() != first
