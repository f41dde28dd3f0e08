"""Tasks of the worker's tests; behaviour and meeting points are given as arguments."""

import asyncio
import threading
from collections import defaultdict
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from django_taskq import JobContext, task

GATES: dict[str, threading.Event] = defaultdict(threading.Event)
SEEN: list[Any] = []
_lock = threading.Lock()


class Count:
    """How many calls of `wait_for` run now, and how many ran at once at the most."""

    running = 0
    most = 0

    @classmethod
    def enter(cls) -> None:
        with _lock:
            cls.running += 1
            cls.most = max(cls.most, cls.running)

    @classmethod
    def leave(cls) -> None:
        with _lock:
            cls.running -= 1


@task()
def remember(value: Any) -> Any:
    SEEN.append(value)
    return value


@task()
def remember_too(value: Any) -> Any:
    """Do as `remember` does, with limits of its own."""
    SEEN.append(value)
    return value


@task()
def wait_for(gate: str) -> str:
    """Count itself as running until its gate opens."""
    Count.enter()
    GATES[gate].wait(20)
    Count.leave()
    return gate


@task(takes_context=True)
def until_stopped(context: JobContext, gate: str) -> bool:
    """Run until it is asked to stop."""
    GATES[gate].set()
    pause = threading.Event()
    for _ in range(2000):
        if context.should_stop:
            return True
        pause.wait(0.01)
    return False


@task()
async def meet(gate: str, number: int) -> int:
    """Wait on the event loop until `number` calls of it are there."""
    with _lock:
        SEEN.append(gate)
    async with asyncio.timeout(10):
        while SEEN.count(gate) < number:
            event = asyncio.Event()
            asyncio.get_running_loop().call_later(0.01, event.set)
            await event.wait()
    return number


def _session() -> int:
    with connections["postgresql"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@task()
def tell_session() -> int:
    """Return which session of the database server the job used."""
    return _session()


@task()
async def atell_session() -> int:
    """Return which session of the database server the job used."""
    return await sync_to_async(_session)()
