"""Tasks of the lifecycle tests; each takes the wanted behaviour as an argument."""

import asyncio
import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from django_taskq import task
from tests.deadlines import wait_until
from tests.lifecycle.journal import journal_of_process

LONGEST_BLOCK = 100.0
DEPTH_OF_HUGE = 400


def rest(seconds: float) -> None:
    """Let time pass, as a job does that waits for somebody else."""
    if seconds:
        threading.Event().wait(seconds)


@contextmanager
def _recorded(context: Any) -> Iterator[None]:
    result = context.task_result
    journal = journal_of_process()
    journal.write("start", result.id, context.attempt, worker=result.worker_ids[-1])
    yield
    journal.write("effect", result.id, context.attempt, worker=result.worker_ids[-1])


def _wait_for_gate(gate: str) -> None:
    wait_until(Path(gate).exists, timeout=LONGEST_BLOCK, what=f"the gate {gate}")


def _hold(gate: str, is_held: threading.Event) -> None:
    is_held.set()
    _wait_for_gate(gate)


@task(takes_context=True)
def work(context: Any, seconds: float = 0.0, weight: str = "", *, token: str = "") -> str:
    """Take a while, then succeed. A token tells calls apart whose id never came back."""
    with _recorded(context):
        rest(seconds)
    return "done"


@task
def give(items: list[Any]) -> list[Any]:
    """Return the items."""
    return items


@task
def count(items: list[Any]) -> int:
    """Return how many items are there, leaving out what is missing."""
    return sum(item is not None for item in items)


@task(takes_context=True)
async def awork(context: Any) -> str:
    """Succeed at once, on the event loop."""
    with _recorded(context):
        return "done"


@task(takes_context=True)
def block(context: Any, gate: str) -> str:
    """Run until somebody makes the file `gate`."""
    with _recorded(context):
        _wait_for_gate(gate)
    return "done"


@task(takes_context=True)
async def block_async_side(context: Any, gate: str) -> str:
    """Hold up the event loop, and the sync calls of its jobs, until somebody makes the file."""
    with _recorded(context):
        is_held = threading.Event()
        called = asyncio.ensure_future(sync_to_async(_hold)(gate, is_held))
        await sync_to_async(is_held.wait, thread_sensitive=False)()
        _wait_for_gate(gate)
        await called
    return "done"


@task(takes_context=True)
async def ask_sync_side(context: Any) -> int:
    """Make a sync call from async code, as the ORM does."""
    with _recorded(context):
        return await sync_to_async(threading.get_ident)()


@task(takes_context=True)
def hold_connection(context: Any, gate: str) -> str:
    """Use the database, then keep the connection until somebody makes the file `gate`."""
    with _recorded(context):
        with connections["stage"].cursor() as cursor:
            cursor.execute("SELECT 1")
        _wait_for_gate(gate)
    return "done"


@task(takes_context=True)
def die(context: Any, seconds: float, marker: str) -> str:
    """Kill the own process after a while, as long as the file `marker` is there."""
    with _recorded(context):
        rest(seconds)
        if Path(marker).exists():
            os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@task(takes_context=True)
def stop_worker(context: Any) -> str:
    """Have the signal of a stop arrive in this thread, as the kernel may choose any."""
    with _recorded(context):
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    return "done"


@task(takes_context=True)
def fail(context: Any, how: str) -> None:
    """End by an exception of the named sort."""
    with _recorded(context):
        _FAILURES[how]()


@task(takes_context=True)
async def afail(context: Any, how: str) -> None:
    """End by an exception of the named sort, on the event loop."""
    with _recorded(context):
        _FAILURES[how]()


def _leave() -> None:
    sys.exit("a job that wants to leave")


def _interrupt() -> None:
    raise KeyboardInterrupt


def _recurse() -> None:
    _recurse()


def _raise_base() -> None:
    raise BaseException("as far up as exceptions go")


def _close_generator() -> None:
    raise GeneratorExit


def _raise_huge() -> None:
    _nest(DEPTH_OF_HUGE)


def _nest(depth: int) -> None:
    # Each frame adds a link to a chain of exceptions with 10 kB of text, some 4 MB in all.
    try:
        if depth:
            _nest(depth - 1)
        else:
            raise ValueError("x" * 10_000)
    except ValueError as error:
        raise ValueError("x" * 10_000) from error


def _raise_unprintable() -> None:
    raise _Unprintable


class _Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("this exception cannot be shown")

    __repr__ = __str__


_FAILURES = {
    "SystemExit": _leave,
    "KeyboardInterrupt": _interrupt,
    "RecursionError": _recurse,
    "BaseException": _raise_base,
    "GeneratorExit": _close_generator,
    "huge": _raise_huge,
    "unprintable": _raise_unprintable,
}
SORTS_OF_FAILURE = tuple(_FAILURES)


@task(takes_context=True)
def break_down(context: Any, how: str, marker: str = "") -> str:
    """Take the own process down, as long as the file `marker` is there where one is named."""
    with _recorded(context):
        if not marker or Path(marker).exists():
            _BREAKDOWNS[how]()
    return "survived"


@task(takes_context=True)
def hold_the_lock(context: Any, seconds: int) -> str:
    """Hold the interpreter's lock in a call of C."""
    with _recorded(context):
        ctypes.PyDLL(None).sleep(seconds)
    return "done"


@task(takes_context=True)
def grow(context: Any, megabytes: int) -> str:
    """Keep some memory for the life of the process."""
    with _recorded(context):
        KEPT.append(b"x" * (megabytes * 1_000_000))
    return "done"


KEPT: list[bytes] = []


def _segfault() -> None:
    ctypes.string_at(0)


def _exit() -> None:
    os._exit(3)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run_out_of_memory() -> None:
    # Python itself would raise MemoryError; what dies is what does not look.
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000, resource.RLIM_INFINITY))
    while (got := libc.malloc(10_000_000)) is not None:
        ctypes.memset(got, 1, 10_000_000)
    ctypes.memset(got, 1, 10_000_000)


_BREAKDOWNS = {
    "segfault": _segfault,
    "exit": _exit,
    "kill": _kill,
    "memory": _run_out_of_memory,
}
WAYS_TO_BREAK_DOWN = tuple(_BREAKDOWNS)


@task(takes_context=True)
def leave_a_thread(context: Any) -> str:
    """Leave a thread behind that keeps its process from ending."""
    with _recorded(context):
        threading.Thread(target=rest, args=(LONGEST_BLOCK,)).start()
    return "done"


@task(takes_context=True, max_running=3)
def capped(context: Any, seconds: float) -> str:
    """Take a while, three at once at the most."""
    with _recorded(context):
        rest(seconds)
    return "done"


@task(takes_context=True, max_rate="50/s")
def rated(context: Any) -> str:
    """Succeed at once, fifty times a second at the most."""
    with _recorded(context):
        return "done"
