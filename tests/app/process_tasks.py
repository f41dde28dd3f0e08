"""Tasks that tell of the process they run in, or end it."""

import ctypes
import os
import threading
from datetime import timedelta
from time import monotonic, process_time
from typing import Any, NoReturn

import django_taskq
from django_taskq import JobContext, task
from django_taskq.control import find, store_of
from django_taskq.jobs.filters import JobFilter
from tests.app import gates, tasks


@task
def where() -> list[int]:
    """Return the ids of this process and of its parent."""
    return [os.getpid(), os.getppid()]


@task
async def awhere() -> list[int]:
    """Return the ids of this process and of its parent."""
    return [os.getpid(), os.getppid()]


@task
def burn(seconds: float) -> list[float]:
    """Compute for so many seconds of CPU; return the pid, the start and the end."""
    started, left = monotonic(), process_time() + seconds
    while process_time() < left:
        sum(range(100))
    return [os.getpid(), started, monotonic()]


@task
def hold_lock(gate: str, seconds: int) -> None:
    """Tell that the gate was reached, then keep the interpreter's lock in a C call."""
    gates.reach(gate)
    ctypes.PyDLL(None).sleep(seconds)


def end_process(way: str) -> None:
    """End this process in a way that no exception tells of."""
    if way == "exit":
        os._exit(3)
    if way == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), int(way))
    threading.Event().wait(60)


@task(takes_context=True)
def die(context: JobContext, way: str, times: int = 100) -> int:
    """End the process in the first attempts, then return the number of the attempt."""
    if context.attempt <= times:
        end_process(way)
    return context.attempt


@task
def close_all_files() -> None:
    """Close every file of the process, the wire to its parent too."""
    os.closerange(3, 1000)
    threading.Event().wait(60)


class Unpicklable(Exception):
    """Cannot be built again from what it keeps in `args`."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")

    def __reduce__(self) -> NoReturn:
        raise TypeError("This is not to be pickled.")


class Untold(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@task
def fail_strangely(kind: str) -> None:
    """Raise an exception that is hard to hand on."""
    if kind == "local":

        class Inner(Exception):
            pass

        raise Inner("inside")
    raise Untold if kind == "untold" else Unpicklable("salt", "pepper")


@task
def enqueue_on(alias: str) -> str:
    """Enqueue `where` on an alias; return the id."""
    return str(where.using(backend=alias).enqueue().id)


@task
def ask_parent(alias: str) -> dict[str, Any]:
    """Do from inside a job what callers do with jobs; return what came of it."""
    echo = tasks.echo.using(backend=alias)
    waited = django_taskq.wait(echo.enqueue("waited"), timeout=10)
    failed = django_taskq.wait(tasks.fail.using(backend=alias).enqueue(), timeout=10)
    again = django_taskq.requeue(waited)
    later = echo.using(run_after=timedelta(hours=1)).enqueue(1)
    return {
        "value": waited.return_value,
        "errors": [error.exception_class_path for error in failed.errors],
        "canceled": django_taskq.cancel(later),
        "state": django_taskq.get_job(later).state,
        "retried": django_taskq.wait(django_taskq.retry(failed), timeout=10).attempts,
        "again": django_taskq.wait(again, timeout=10).return_value,
        "many": len(echo.enqueue_many([((n,), {}) for n in range(3)])),
    }


@task
def find_all(alias: str) -> int:
    """Ask for what a child of a pool is not given."""
    return len(find(JobFilter(), [alias])) + len(store_of(alias).insights().lanes)


@task
def backend_pid(using: str) -> int:
    """Return which process of the database server answers this one."""
    from django.db import connections

    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
