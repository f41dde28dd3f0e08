"""Enqueuing from async code leaves the event loop free."""

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from django_taskq.backends.base import TaskqBackend
from tests.app import tasks
from tests.conformance.conftest import Drain, On

LONG = 10.0


def test_the_event_loop_goes_on_while_a_slow_store_takes_the_job(
    monkeypatch: pytest.MonkeyPatch, backend: TaskqBackend, echo: Any, drain: Drain
) -> None:
    store, is_free = backend.store, threading.Event()
    insert = store.insert

    def slow_insert(specs: Any) -> Any:
        assert is_free.wait(LONG), "The event loop stood still while the job was stored."
        return insert(specs)

    monkeypatch.setattr(store, "insert", slow_insert)

    async def enqueue() -> Any:
        asyncio.get_running_loop().call_soon(is_free.set)
        return await echo.aenqueue("async")

    result = async_to_sync(enqueue)()
    drain()
    result.refresh()
    assert result.return_value == "async"


def test_many_jobs_are_enqueued_at_once_from_one_event_loop(on: On, drain: Drain) -> None:
    async def enqueue() -> list[Any]:
        task = on(tasks.aecho)
        return list(await asyncio.gather(*(task.aenqueue(number) for number in range(50))))

    results = async_to_sync(enqueue)()
    drain()
    for number, result in enumerate(results):
        result.refresh()
        assert result.return_value == number
