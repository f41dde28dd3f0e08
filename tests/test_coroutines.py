"""Async code has a form of its own for what callers do with jobs and runs."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync

import django_taskq
from django_taskq import (
    acancel,
    aget_job,
    arequeue,
    aretry,
    await_result,
    awhy,
    chain,
)
from django_taskq.pipelines import aget_run
from tests.aliases import EVERY_ALIAS, ON_BOTH, ON_REDIS, alias_fixture
from tests.app import tasks
from tests.running import run_due

alias = alias_fixture(ON_REDIS, ON_BOTH)


def on_an_event_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async_to_sync(test)()


def test_a_job_is_looked_at_canceled_retried_and_copied(alias: str) -> None:
    async def test() -> None:
        echo = tasks.echo.using(backend=alias, run_after=timedelta(hours=1))
        first, second = await echo.aenqueue_many([((1,), {}), echo.s(2)])
        assert (await aget_job(first)).state == "SCHEDULED"
        assert "waits until" in await awhy(first.id, alias)
        assert await acancel(first.id, alias)
        assert not await acancel(first)
        assert (await aretry(first)).id == first.id
        assert (await arequeue(second)).args == [2]

    on_an_event_loop(test)


# Redis alone has no pipelines.
@pytest.mark.parametrize("alias", [*EVERY_ALIAS, ON_BOTH], indirect=True)
def test_a_run_is_followed_from_an_event_loop(alias: str) -> None:
    made = []

    async def enqueue() -> None:
        pipeline = chain(tasks.fail.s("ValueError"), tasks.echo.s(2))
        made.append(await pipeline.aenqueue(backend=alias))

    async def follow() -> None:
        (run,) = made
        await await_result(run, timeout=30)
        assert run.status == "FAILED"
        assert await run.aretry_failed() == 1
        assert [node.name for node in (await run.agraph()).nodes] == ["fail", "echo"]
        await run.acancel()
        await run.arefresh()
        assert (await aget_run(run.id, alias)).results.names == run.results.names

    on_an_event_loop(enqueue)
    run_due(alias)
    on_an_event_loop(follow)


@pytest.mark.parametrize(
    "name", ["backends", "exceptions", "middleware", "schedules", "signals", "testing", "xcom"]
)
def test_modules_are_there_by_their_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(django_taskq, name, raising=False)
    assert getattr(django_taskq, name).__name__ == f"django_taskq.{name}"
