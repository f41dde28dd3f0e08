"""What only the thread pool promises: its life inside the process that enqueues."""

import asyncio
import gc
import os
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.tasks import TaskResult, TaskResultStatus, task_backends
from django.tasks.exceptions import TaskResultDoesNotExist
from django.test import override_settings

from django_taskq import cancel, get_job, wait
from django_taskq.jobs.states import ENDED
from tests.app import gates, journal, tasks
from tests.deadlines import wait_until
from tests.running import wait_until_running
from tests.scripts import run_script

type EnqueueMany = Callable[[int], list[TaskResult]]


def pool(**options: Any) -> dict[str, Any]:
    return {
        "BACKEND": "django_taskq.backends.ThreadPoolBackend",
        "QUEUES": [],
        "OPTIONS": options,
    }


@contextmanager
def pools(**entries: dict[str, Any]) -> Iterator[None]:
    with override_settings(TASKS={"default": pool(), **entries}):
        yield


def threads_of(alias: str) -> list[threading.Thread]:
    name = f"taskq-{alias}"
    return [
        thread
        for thread in threading.enumerate()
        if thread.name == name or thread.name.startswith(f"{name}-")
    ]


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a gate of this test's own, opened at its end for whoever still waits there."""
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


# Start and reach of a pool.


def test_the_first_enqueue_starts_the_pool() -> None:
    with pools(lazy=pool()):
        echo = tasks.echo.using(backend="lazy")
        with pytest.raises(TaskResultDoesNotExist):
            echo.get_result("123")
        assert threads_of("lazy") == []
        assert wait(echo.enqueue(1), timeout=5).return_value == 1
        assert threads_of("lazy")


def test_every_thread_of_the_process_enqueues_on_the_same_pool(gate: str) -> None:
    with pools(one=pool(MAX_WORKERS=3)):
        hold = tasks.hold.using(backend="one")
        with ThreadPoolExecutor(8) as callers:
            results = list(callers.map(lambda number: hold.enqueue(gate, number), range(16)))
        gates.open_gate(gate)
        workers = {wait(result, timeout=5).worker_ids[0] for result in results}
        assert len(workers) == 1
        assert sum(thread.name == "taskq-one" for thread in threads_of("one")) == 1


def test_two_aliases_have_pools_of_their_own(gate: str) -> None:
    with pools(busy=pool(MAX_WORKERS=1), quick=pool(MAX_WORKERS=1)):
        held = tasks.hold.using(backend="busy").enqueue(gate)
        behind = tasks.echo.using(backend="busy").enqueue(1)
        wait_until_running(held, gate)
        assert wait(tasks.echo.using(backend="quick").enqueue(2), timeout=5).return_value == 2
        behind.refresh()
        assert not behind.is_finished
        gates.open_gate(gate)
        assert wait(behind, timeout=5).return_value == 1


def test_changed_settings_close_the_pools_made_from_the_old_ones(gate: str) -> None:
    with pools(changing=pool(MAX_WORKERS=1)):
        old = tasks.echo.using(backend="changing").enqueue("old")
        wait(old, timeout=5)
        with pools(changing=pool(MAX_WORKERS=2)):
            wait_until(lambda: threads_of("changing") == [], what="the old threads to end")
            new = tasks.echo.using(backend="changing").enqueue("new")
            assert wait(new, timeout=5).return_value == "new"
            with pytest.raises(TaskResultDoesNotExist):
                old.refresh()
    wait_until(lambda: threads_of("changing") == [], what="the threads to end")


def test_a_forked_child_has_a_pool_of_its_own(gate: str) -> None:
    with pools(forked=pool(MAX_WORKERS=2)):
        echo = tasks.echo.using(backend="forked")
        held = tasks.hold.using(backend="forked").enqueue(gate)
        wait_until_running(held, gate)
        child = fork_and(lambda: wait(echo.enqueue("child"), timeout=10).return_value == "child")
        assert wait_for_child(child) == 0
        gates.open_gate(gate)
        assert wait(held, timeout=5).status is TaskResultStatus.SUCCESSFUL
        assert wait(echo.enqueue("parent"), timeout=5).return_value == "parent"


def test_the_jobs_of_the_parent_are_unknown_to_a_forked_child() -> None:
    with pools(forked=pool()):
        echo = tasks.echo.using(backend="forked")
        result = echo.enqueue(1)
        wait(result, timeout=5)

        def is_unknown() -> bool:
            try:
                echo.get_result(result.id)
            except TaskResultDoesNotExist:
                return True
            return False

        assert wait_for_child(fork_and(is_unknown)) == 0


def fork_and(check: Callable[[], bool]) -> int:
    """Return the id of a child that ends with status 0 if the check is true there."""
    with warnings.catch_warnings():
        # Python warns of any fork beside other threads; that this one is safe is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if check() else 2
            finally:
                os._exit(status)
    return child


def wait_for_child(child: int) -> int:
    status: list[int] = []

    def has_ended() -> bool:
        ended, code = os.waitpid(child, os.WNOHANG)
        if ended:
            status.append(os.waitstatus_to_exitcode(code))
        return bool(ended)

    try:
        wait_until(has_ended, timeout=20, what="the child to end")
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return status[0]


def test_backend_objects_come_and_go_without_the_pool() -> None:
    with pools(kept=pool()):
        result = tasks.echo.using(backend="kept").enqueue(1)
        wait(result, timeout=5)
        before = set(threads_of("kept"))
        # As an autoreloader's import, and every new thread, makes backend objects anew.
        del task_backends["kept"]
        gc.collect()
        assert tasks.echo.using(backend="kept").get_result(result.id).return_value == 1
        assert wait(tasks.echo.using(backend="kept").enqueue(2), timeout=5).return_value == 2
        assert before <= set(threads_of("kept"))
        assert sum(thread.name == "taskq-kept" for thread in threads_of("kept")) == 1


# Limits.


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_than_max_workers_run_at_once(gate: str, most: int) -> None:
    with pools(narrow=pool(MAX_WORKERS=most)):
        results = tasks.count_together.using(backend="narrow").enqueue_many(
            [((f"{gate}",), {}) for _ in range(40)]
        )
        together = [wait(result, timeout=10).return_value for result in results]
        assert max(together) == most


def test_all_workers_of_the_pool_are_used(gate: str) -> None:
    with pools(wide=pool(MAX_WORKERS=8)):
        hold = tasks.hold.using(backend="wide")
        results = [hold.enqueue(f"{gate} {number}") for number in range(8)]
        for number, result in enumerate(results):
            wait_until_running(result, f"{gate} {number}")
        for number, result in enumerate(results):
            gates.open_gate(f"{gate} {number}")
            wait(result, timeout=5)


def test_the_oldest_finished_results_are_dropped_first(gate: str) -> None:
    with pools(small=pool(MAX_WORKERS=2, MAX_RESULTS=5)):
        echo = tasks.echo.using(backend="small")
        later = echo.using(run_after=timedelta(days=1)).enqueue("later")
        held = tasks.hold.using(backend="small").enqueue(gate)
        wait_until_running(held, gate)
        results = [wait_kept(echo.enqueue(number)) for number in range(12)]
        for dropped in results[:-5]:
            with pytest.raises(TaskResultDoesNotExist):
                dropped.refresh()
        for number, kept in list(enumerate(results))[-5:]:
            kept.refresh()
            assert kept.return_value == number
        # What has not finished is never dropped, however old it is.
        later.refresh()
        held.refresh()
        assert held.status is TaskResultStatus.RUNNING
        gates.open_gate(gate)


def wait_kept(result: TaskResult) -> TaskResult:
    wait(result, timeout=5)
    assert result.status is TaskResultStatus.SUCCESSFUL
    return result


# The end of a pool.


def test_close_lets_running_jobs_end_and_gives_the_queued_ones_a_final_state(gate: str) -> None:
    with pools(closing=pool(MAX_WORKERS=2)):
        hold = tasks.hold.using(backend="closing")
        running = [hold.enqueue(f"{gate} {number}", number) for number in range(2)]
        for number, result in enumerate(running):
            wait_until_running(result, f"{gate} {number}")
        queued = [tasks.write.using(backend="closing").enqueue(gate, "run") for _ in range(20)]
        later = tasks.write.using(backend="closing", run_after=timedelta(days=1)).enqueue(gate, "")
        backend: Any = task_backends["closing"]
        closer = threading.Thread(target=backend.close)
        closer.start()
        for number in range(2):
            gates.open_gate(f"{gate} {number}")
        closer.join(15)
        assert not closer.is_alive()
        for number, result in enumerate(running):
            result.refresh()
            assert result.return_value == number
        for result in [*queued, later]:
            assert get_job(result).state in ENDED
            result.refresh()
            assert result.is_finished
        assert get_job(later).state == "CANCELED"
        failed = [result for result in queued if result.status is TaskResultStatus.FAILED]
        assert len(journal.read(gate)) == len(queued) - len(failed)
        assert all(result.errors for result in failed)
        wait_until(lambda: threads_of("closing") == [], what="the threads to end")


def test_a_closed_pool_starts_again_with_the_next_job() -> None:
    with pools(again=pool()):
        echo = tasks.echo.using(backend="again")
        first = wait(echo.enqueue(1), timeout=5)
        backend: Any = task_backends["again"]
        backend.close()
        second = wait(echo.enqueue(2), timeout=5)
        assert second.return_value == 2
        first.refresh()
        assert first.return_value == 1


def test_whoever_waits_for_a_job_is_told_when_the_pool_closes(gate: str) -> None:
    with pools(closing=pool(MAX_WORKERS=1)):
        held = tasks.hold.using(backend="closing").enqueue(gate)
        wait_until_running(held, gate)
        behind = tasks.echo.using(backend="closing", run_after=timedelta(days=1)).enqueue(1)
        backend: Any = task_backends["closing"]
        with ThreadPoolExecutor(2) as threads:
            waiting = threads.submit(wait, behind, 15)
            closing = threads.submit(backend.close)
            gates.open_gate(gate)
            assert waiting.result(15).status is TaskResultStatus.FAILED
            closing.result(15)


def test_the_interpreter_ends_in_time_while_a_job_runs_on() -> None:
    ran = run_script(
        """
        from django.conf import settings
        settings.configure(TASKS={"default": {
            "BACKEND": "django_taskq.backends.ThreadPoolBackend", "OPTIONS": {"MAX_WORKERS": 1},
        }}, USE_TZ=True)
        import django
        django.setup()
        from tests.app import tasks
        from tests.deadlines import wait_until
        long = tasks.wait_here.enqueue(60)
        queued = tasks.echo.enqueue(1)
        wait_until(lambda: long.refresh() or long.status == "RUNNING")
        print("the main thread ends")
        """,
        uses_databases=False,
        timeout=60,
    )
    assert ran.output == "the main thread ends"
    # Ten seconds of grace, and what a busy machine takes for the rest; the job takes 60.
    assert ran.seconds < 40
    assert "Traceback" not in ran.errors


def test_jobs_that_end_soon_are_not_cut_off_by_the_end_of_the_interpreter() -> None:
    ran = run_script(
        """
        from django.conf import settings
        settings.configure(TASKS={"default": {
            "BACKEND": "django_taskq.backends.ThreadPoolBackend",
        }}, USE_TZ=True)
        import django
        django.setup()
        from django.tasks.signals import task_finished
        from tests.app import tasks
        from tests.deadlines import wait_until
        def tell(task_result, **kwargs):
            print(task_result.status, flush=True)
        task_finished.connect(tell)
        short = tasks.wait_here.enqueue(0.3)
        wait_until(lambda: short.refresh() or short.status == "RUNNING")
        """,
        uses_databases=False,
    )
    assert ran.output == "SUCCESSFUL"
    assert ran.seconds < 30


# Where it runs.


def test_a_project_without_databases_and_apps_is_enough() -> None:
    ran = run_script(
        """
        import sys
        from django.conf import settings
        settings.configure(
            DATABASES={},
            INSTALLED_APPS=[],
            TASKS={"default": {
                "BACKEND": "django_taskq.backends.ThreadPoolBackend",
                "OPTIONS": {"MAX_TRIES": 2, "BACKOFF": 0},
            }},
            USE_TZ=True,
        )
        import django
        django.setup()
        from django.core.management import call_command
        call_command("check")
        from django_taskq import cancel, get_job, requeue, retry, wait
        from tests.app import tasks
        assert wait(tasks.echo.enqueue("sync"), timeout=5).return_value == "sync"
        assert wait(tasks.aecho.enqueue("async"), timeout=5).return_value == "async"
        assert wait(tasks.succeed_on.enqueue(2), timeout=5).attempts == 2
        failed = wait(tasks.fail.enqueue(), timeout=5)
        assert failed.status == "FAILED" and failed.attempts == 2
        assert wait(retry(failed), timeout=5).status == "FAILED"
        assert wait(requeue(failed), timeout=5).status == "FAILED"
        assert cancel(failed) is False
        assert get_job(failed).failure == "error"
        for name in ("contenttypes", "admin", "auth"):
            assert f"django.contrib.{name}" not in sys.modules, name
        assert "django_taskq.models" not in sys.modules
        print("done")
        """,
        uses_databases=False,
    )
    assert "no issues" in ran.output
    assert ran.output.endswith("done")


# Enqueuing and running.


def test_enqueue_from_an_event_loop_leaves_it_free(gate: str) -> None:
    ticks = 0

    async def enqueue_while_ticking() -> list[TaskResult]:
        nonlocal ticks
        is_done = asyncio.Event()

        async def tick() -> None:
            nonlocal ticks
            while not is_done.is_set():
                ticks += 1
                await asyncio.to_thread(int)

        ticking = asyncio.create_task(tick())
        held = await tasks.hold.using(backend="loop").aenqueue(gate, 0)
        echoes = [await tasks.aecho.using(backend="loop").aenqueue(number) for number in range(50)]
        gates.open_gate(gate)
        is_done.set()
        await ticking
        return [held, *echoes]

    with pools(loop=pool()):
        results = asyncio.run(enqueue_while_ticking())
        for result in results:
            wait(result, timeout=5)
        assert [result.return_value for result in results] == [0, *range(50)]
    assert ticks > 1


def test_a_deferred_job_starts_at_its_time() -> None:
    with pools(deferred=pool()):
        echo = tasks.echo.using(backend="deferred")
        never = echo.using(run_after=timedelta(hours=1)).enqueue(0)
        soon = echo.using(run_after=timedelta(seconds=0.2)).enqueue(1)
        at = soon.task.run_after
        wait(soon, timeout=5)
        assert at <= soon.started_at < at + timedelta(seconds=1)
        never.refresh()
        assert never.status is TaskResultStatus.READY
        assert cancel(never) is True


def test_a_deferred_job_is_not_late_behind_a_longer_deferred_one() -> None:
    with pools(deferred=pool()):
        echo = tasks.echo.using(backend="deferred")
        echo.using(run_after=timedelta(seconds=1.5)).enqueue(0)
        wait(echo.enqueue("the upkeep has planned its next look"), timeout=5)
        soon = echo.using(run_after=timedelta(seconds=0.1)).enqueue(1)
        wait(soon, timeout=5)
        assert soon.started_at - soon.task.run_after < timedelta(seconds=1)


def test_larger_priority_starts_first(gate: str) -> None:
    with pools(ordered=pool(MAX_WORKERS=1)):
        wait_until_running(tasks.hold.using(backend="ordered").enqueue(gate), gate)
        write = tasks.write.using(backend="ordered")
        priorities = [0, -100, 50, 0, 100, -1, 50]
        results = write.enqueue_many(
            write.using(priority=priority).s(gate, f"{priority} {number}")
            for number, priority in enumerate(priorities)
        )
        gates.open_gate(gate)
        for result in results:
            wait(result, timeout=5)
        assert journal.read(gate) == ["100 4", "50 2", "50 6", "0 0", "0 3", "-1 5", "-100 1"]


def test_thousands_of_jobs_from_many_threads_all_run_exactly_once(gate: str) -> None:
    with pools(crowd=pool(MAX_WORKERS=10, MAX_RESULTS=3000)):
        write = tasks.write.using(backend="crowd")

        def enqueue(first: int) -> list[TaskResult]:
            return [write.enqueue(gate, str(number)) for number in range(first, first + 250)]

        with ThreadPoolExecutor(8) as callers:
            batches = list(callers.map(enqueue, range(0, 2000, 250)))
        results = [result for batch in batches for result in batch]
        for result in results:
            wait(result, timeout=20)
        assert {result.status for result in results} == {TaskResultStatus.SUCCESSFUL}
        assert {result.attempts for result in results} == {1}
        counts = Counter(journal.read(gate))
        assert counts == Counter(str(number) for number in range(2000))


@pytest.mark.parametrize("name", ["in_a_thread", "in_the_sync_side", "on_the_loop", "for_ever"])
def test_a_job_that_hangs_does_not_keep_the_interpreter_from_ending(name: str) -> None:
    ran = run_script(
        """
        import asyncio, sys, threading
        from asgiref.sync import sync_to_async
        from django.conf import settings
        entry = {"BACKEND": "django_taskq.backends.ThreadPoolBackend"}
        settings.configure(TASKS={"default": entry}, INSTALLED_APPS=[])
        import django
        django.setup()
        from django_taskq import task
        from django_taskq.worker import embedded
        embedded.LONGEST_CLOSE = 0.5
        started = threading.Event()

        def hang():
            started.set()
            threading.Event().wait(300)

        @task
        async def in_a_thread():
            await asyncio.to_thread(hang)

        @task
        async def in_the_sync_side():
            await sync_to_async(hang)()

        @task
        async def on_the_loop():
            hang()

        @task
        async def for_ever():
            started.set()
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass

        globals()[sys.argv[1]].enqueue()
        assert started.wait(30)
        print("done")
        """,
        name,
        timeout=100,
        uses_databases=False,
    )
    assert ran.output == "done"
