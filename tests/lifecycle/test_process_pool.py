"""A process pool in web servers, commands and reloading processes leaves nothing behind."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from tests.backends.pools import is_running
from tests.deadlines import wait_until
from tests.scripts import run_script
from tests.servers import environment_for_children
from tests.servers.process import free_port

METHODS = ["fork", "forkserver", "spawn"]

pytestmark = pytest.mark.lifecycle

type Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process in a session of its own; whatever is left of it is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start_process(*command: str, method: str = "forkserver") -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command,
            env={
                **environment_for_children(),
                "DJANGO_SETTINGS_MODULE": "tests.settings_static",
                "START_METHOD": method,
            },
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_process
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def said(process: "subprocess.Popen[str]") -> Any:
    """Return the next line that a process prints, read as JSON."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def said_after_change(process: "subprocess.Popen[str]", watched: Path) -> Any:
    """Change a module until its process starts anew, and return what that prints.

    The reloader looks once a second, and takes what it sees first for unchanged.
    """
    assert process.stdout is not None
    for number in range(2, 30):
        watched.write_text(f"number = {number}\n")
        if select.select([process.stdout], [], [], 5.0)[0]:
            return said(process)
    raise AssertionError("The process has not started anew.")


def tree_of(pid: int) -> list[int]:
    """Return a process and all that came from it."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def wait_until_dead(pids: list[int], timeout: float = 10.0) -> None:
    wait_until(
        lambda: not any(is_running(pid) for pid in pids),
        timeout=timeout,
        what=f"the processes {pids} to end",
    )


# The head of a script: Django set up, with a process pool that starts its children one way.
SETUP = """
import json, os, sys
import django
from django.conf import settings
settings.TASKS = {"processes": {
    "BACKEND": "django_taskq.backends.ProcessPoolBackend",
    "OPTIONS": {"MAX_WORKERS": 2, "START_METHOD": os.environ["START_METHOD"]},
}, "default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend"}}
django.setup()
from django_taskq import wait
from tests.app import gates, process_tasks, tasks
from tests.deadlines import wait_until
"""


@pytest.mark.parametrize("method", METHODS)
def test_children_die_with_their_parent_even_where_a_job_holds_the_interpreter(
    start: Start, tmp_path: Path, method: str
) -> None:
    code = f"""{SETUP}
gate = sys.argv[1]
child = wait(process_tasks.where.using(backend="processes").enqueue(), timeout=20).return_value
held = process_tasks.hold_lock.using(backend="processes").enqueue(gate, 60)
wait_until(lambda: gates.is_reached(gate))
print(json.dumps(child), flush=True)
held.task.get_backend().store.wait_ended([held.id], 60)
"""
    process = start(sys.executable, "-c", code, str(tmp_path), method=method)
    said(process)
    pids = tree_of(process.pid)
    assert len(pids) >= 2
    process.kill()
    wait_until_dead(pids)


@pytest.mark.parametrize("method", METHODS)
def test_the_interpreter_ends_in_time_while_a_job_runs_on(start: Start, method: str) -> None:
    code = f"""{SETUP}
long = tasks.wait_here.using(backend="processes").enqueue(60)
wait_until(lambda: long.refresh() or long.status == "RUNNING")
print(json.dumps(wait(process_tasks.where.using(backend="processes").enqueue()).return_value))
"""
    process = start(sys.executable, "-c", code, method=method)
    child, _ = said(process)
    pids = tree_of(process.pid)
    assert child in pids
    assert process.wait(20) == 0
    wait_until_dead(pids)


def test_ctrl_c_for_all_lets_the_job_end(start: Start) -> None:
    code = f"""{SETUP}
import threading
short = tasks.wait_here.using(backend="processes").enqueue(0.7)
wait_until(lambda: short.refresh() or short.status == "RUNNING")
try:
    print("1", flush=True)
    threading.Event().wait(20)
except KeyboardInterrupt:
    wait(short, timeout=10)
    print(json.dumps([short.status, short.attempts]), flush=True)
"""
    process = start(sys.executable, "-c", code)
    said(process)
    pids = tree_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    assert said(process) == ["SUCCESSFUL", 1]
    assert process.wait(20) == 0
    wait_until_dead(pids)


def test_gunicorn_with_preload_has_a_pool_in_each_worker(start: Start) -> None:
    port = free_port()
    process = start(
        *(sys.executable, "-m", "gunicorn", "--preload", "--workers", "2"),
        *("--bind", f"127.0.0.1:{port}", "tests.backends.site:make_application()"),
    )
    loaded = said(process)
    assert loaded["ours"] == process.pid
    assert loaded["child"][0] != process.pid
    seen: dict[int, int] = {}

    def both_have_answered() -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            told = json.load(answer)
            seen[told["ours"]] = told["child"][0]
        return len(seen) == 2

    wait_until(both_have_answered, timeout=40, what="both workers to answer")
    assert process.pid not in seen
    assert len(set(seen.values()) | {loaded["child"][0]}) == 3
    pids = tree_of(process.pid)
    process.terminate()
    assert process.wait(30) == 0
    wait_until_dead(pids)


def test_a_management_command_runs_jobs_and_ends() -> None:
    ran = run_script(
        """
        import sys
        from django.core.management import execute_from_command_line
        code = '''
        from django_taskq import wait
        from tests.app import process_tasks
        import os
        pids = wait(process_tasks.where.using(backend="processes").enqueue(), timeout=20)
        print(os.getpid() not in pids.return_value)
        '''
        from textwrap import dedent
        execute_from_command_line(["manage.py", "shell", "-v", "0", "-c", dedent(code)])
        """
    )
    assert ran.output == "True"
    assert ran.seconds < 20


def test_the_autoreloader_takes_the_children_along(start: Start, tmp_path: Path) -> None:
    (tmp_path / "watched.py").write_text("number = 1\n")
    script = tmp_path / "reloading.py"
    script.write_text(f"""{SETUP}
from django.utils import autoreload
import threading

def main():
    import watched
    result = wait(process_tasks.where.using(backend="processes").enqueue(), timeout=20)
    print(json.dumps([watched.number, result.return_value]), flush=True)
    threading.Event().wait()

autoreload.run_with_reloader(main)
""")
    process = start(sys.executable, str(script))
    number, first = said(process)
    assert number == 1
    number, second = said_after_change(process, tmp_path / "watched.py")
    assert number > 1
    assert set(first).isdisjoint(second)
    wait_until_dead(first)
    pids = tree_of(process.pid)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    wait_until_dead(pids)


def test_settings_without_a_module_need_fork_and_the_error_says_so() -> None:
    ran = run_script(
        """
        from django.conf import settings
        entry = {"BACKEND": "django_taskq.backends.ProcessPoolBackend"}
        settings.configure(DATABASES={}, INSTALLED_APPS=[], USE_TZ=True, TASKS={
            "default": entry, "forking": {**entry, "OPTIONS": {"START_METHOD": "fork"}},
        })
        import sys
        import django
        django.setup()
        from django.core.exceptions import ImproperlyConfigured
        from django_taskq import wait
        from django.tasks import task_backends
        from tests.app import tasks
        print([(found.id, found.hint) for found in task_backends["default"].check()])
        try:
            tasks.echo.enqueue(1)
        except ImproperlyConfigured as error:
            print(error)
        forking = tasks.echo.using(backend="forking")
        print(wait(forking.enqueue(2), timeout=10).return_value)
        assert "django_taskq.models" not in sys.modules
        """,
        uses_databases=False,
    )
    check, first, second = ran.output.splitlines()
    assert "django_taskq.E007" in check
    assert "START_METHOD = 'fork'" in check
    assert "TASKS['default']" in first
    assert "START_METHOD = 'fork'" in first
    assert second == "2"
