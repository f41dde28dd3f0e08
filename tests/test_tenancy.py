"""The tenant of a job: who names it, and who inherits it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.tasks import TaskResult
from django.test import override_settings

import django_taskq
from django_taskq import get_job
from django_taskq.exceptions import InvalidTaskOption
from django_taskq.tenancy import current_tenant
from tests.aliases import ON_REDIS, alias_fixture, with_options
from tests.app import tasks
from tests.running import run_due

alias = alias_fixture(ON_REDIS)

PATH = f"{__name__}.tenant_of_request"
request = {"tenant": "from-the-request"}


def tenant_of_request() -> Any:
    """Stand for a project's own function in OPTIONS["TENANT"]."""
    return request["tenant"]


def tenant_of(result: TaskResult) -> str:
    return get_job(result).tenant


@pytest.fixture
def echo(alias: str) -> Any:
    return tasks.echo.using(backend=alias)


def test_a_job_belongs_to_nobody_unless_told(echo: Any) -> None:
    assert tenant_of(echo.enqueue(1)) == ""


def test_using_names_the_tenant(echo: Any) -> None:
    assert tenant_of(echo.using(tenant="acme").enqueue(1)) == "acme"


def test_the_innermost_block_names_the_tenant_of_what_is_enqueued_in_it(echo: Any) -> None:
    with django_taskq.tenant("acme"):
        assert tenant_of(echo.enqueue(1)) == "acme"
        with django_taskq.tenant("globex"):
            assert tenant_of(echo.enqueue(1)) == "globex"
            assert {tenant_of(result) for result in echo.enqueue_many([((1,), {})] * 2)} == {
                "globex"
            }
        assert tenant_of(echo.enqueue(1)) == "acme"
    assert tenant_of(echo.enqueue(1)) == ""


def test_a_tenant_named_for_the_task_outdoes_the_block(echo: Any) -> None:
    with django_taskq.tenant("acme"):
        assert tenant_of(echo.using(tenant="globex").enqueue(1)) == "globex"
        assert tenant_of(echo.using(tenant="").enqueue(1)) == ""


def test_a_block_ends_with_an_exception_too() -> None:
    with pytest.raises(LookupError), django_taskq.tenant("acme"):
        raise LookupError
    assert current_tenant() is None


@pytest.mark.parametrize("name", [None, 5, "x" * 129, "a\x00b"])
def test_a_block_refuses_what_cannot_be_a_tenant(name: Any) -> None:
    with pytest.raises(ValueError, match="tenant"), django_taskq.tenant(name):
        pass


def test_a_job_knows_its_tenant(alias: str) -> None:
    results = [
        tasks.describe.using(backend=alias, tenant=name).enqueue() for name in ("acme", "globex")
    ]
    bare = tasks.describe.using(backend=alias).enqueue()
    run_due(alias)
    for result in [*results, bare]:
        result.refresh()
    assert [result.return_value["tenant"] for result in [*results, bare]] == ["acme", "globex", ""]


@pytest.mark.parametrize("depth", [1, 3])
def test_what_a_job_enqueues_inherits_its_tenant(alias: str, depth: int) -> None:
    first = tasks.enqueue_another.using(backend=alias, tenant="acme").enqueue(1, depth=depth)
    assert innermost_tenant(alias, first) == "acme"


def test_what_an_async_job_enqueues_inherits_its_tenant(alias: str) -> None:
    first = tasks.aenqueue_another.using(backend=alias, tenant="acme").enqueue(1)
    assert innermost_tenant(alias, first) == "acme"


def test_a_job_may_enqueue_for_another_tenant(alias: str) -> None:
    outer = tasks.enqueue_another.using(backend=alias, tenant="acme")
    assert innermost_tenant(alias, outer.enqueue(1, tenant="globex")) == "globex"
    assert innermost_tenant(alias, outer.enqueue(1, tenant="")) == ""


def test_the_jobs_of_a_job_without_tenant_have_none_either(alias: str) -> None:
    with with_options(alias, TENANT=PATH):
        outer = tasks.enqueue_another.using(backend=alias, tenant="")
        assert innermost_tenant(alias, outer.enqueue(1)) == ""


def innermost_tenant(alias: str, result: TaskResult) -> str:
    """Return the tenant of the last job that a job and its offspring have enqueued."""
    run_due(alias)
    result.refresh()
    value = result.return_value
    while isinstance(value, str):
        job_id, value = value, None
        found = result.task.get_backend().get_result(job_id)
        if found.task.name == "enqueue_another":
            value = found.return_value
    return get_job(job_id, alias).tenant


def test_the_option_names_the_tenant_where_nothing_else_does(alias: str) -> None:
    with with_options(alias, TENANT=PATH):
        echo = tasks.echo.using(backend=alias)
        assert tenant_of(echo.enqueue(1)) == "from-the-request"
        assert tenant_of(echo.using(tenant="acme").enqueue(1)) == "acme"
        with django_taskq.tenant("globex"):
            assert tenant_of(echo.enqueue(1)) == "globex"


def test_the_option_may_leave_the_tenant_open(alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(request, "tenant", None)
    with with_options(alias, TENANT=PATH):
        assert tenant_of(tasks.echo.using(backend=alias).enqueue(1)) == ""


@pytest.mark.parametrize("answer", ["x" * 129, "a\nb"])
def test_what_the_option_says_must_be_a_tenant(
    alias: str, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setitem(request, "tenant", answer)
    with (
        with_options(alias, TENANT=PATH),
        pytest.raises((InvalidTaskOption, ValueError), match=r"(?i)tenant"),
    ):
        tasks.echo.using(backend=alias).enqueue(1)


def test_concurrent_async_code_keeps_its_tenants_apart() -> None:
    async def enqueue_for(name: str, meet: asyncio.Barrier) -> list[Any]:
        with django_taskq.tenant(name):
            seen = [current_tenant()]
            await meet.wait()
            seen.append(current_tenant())
            seen.append(await sync_to_async(current_tenant)())
            return seen

    async def enqueue_for_all() -> list[list[Any]]:
        meet = asyncio.Barrier(3)
        return await asyncio.gather(*(enqueue_for(name, meet) for name in "abc"))

    assert asyncio.run(enqueue_for_all()) == [["a"] * 3, ["b"] * 3, ["c"] * 3]


def test_another_thread_is_not_in_the_block() -> None:
    ask: Callable[[], str | None] = current_tenant
    with django_taskq.tenant("acme"), ThreadPoolExecutor(1) as thread:
        assert thread.submit(ask).result() is None


def test_the_option_is_not_asked_before_a_job_is_enqueued(alias: str) -> None:
    entry = settings.TASKS[alias]
    broken = {**entry, "OPTIONS": {**entry.get("OPTIONS", {}), "TENANT": "nobody.knows.it"}}
    with override_settings(TASKS={**settings.TASKS, alias: broken}):
        echo = tasks.echo.using(backend=alias)
        assert tenant_of(echo.using(tenant="acme").enqueue(1)) == "acme"
        with pytest.raises(ImportError):
            echo.enqueue(1)
