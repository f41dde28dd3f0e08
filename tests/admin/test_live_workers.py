"""Workers that are in no table, in the list of workers: those of Redis and of pools."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import Client, override_settings

from django_taskq import get_job
from django_taskq.control import store_of
from django_taskq.jobs.workers import Pulse, WorkerInfo
from django_taskq.models import Queue, Tenant
from tests.admin.pages import SignIn, told
from tests.aliases import empty_redis
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.redis_alias import ENTRIES, PAIR, REDIS
from tests.stores.jobs import claim

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
URL = "/admin/django_taskq/worker/"
LIVE = f"{URL}live/"
ID = "box:7:ab"


@pytest.fixture(params=[REDIS, PAIR])
def alias(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both kinds of Redis: with its jobs in rows too, and without."""
    empty_redis()
    with override_settings(TASKS={**settings.TASKS, **ENTRIES}):
        yield request.param


@pytest.fixture
def silent() -> Iterator[str]:
    """An alias whose jobs are rows and whose Redis is gone."""
    gone = {**settings.CACHES["jobs"], "LOCATION": "redis://127.0.0.1:1/0"}
    known = {**settings.TASKS, PAIR: ENTRIES[PAIR]}
    with override_settings(CACHES={**settings.CACHES, "jobs": gone}, TASKS=known):
        yield PAIR


def join(alias: str) -> None:
    info = WorkerInfo(ID, "box:7", "<box>", 7, ("mail",), 4, 10, supervisor_pid=6)
    store_of(alias).join(info)
    store_of(alias).heartbeat(ID, Pulse(0.0, 48_300_000))


def sections(client: Client) -> dict[str, Any]:
    page = client.get(URL)
    assert page.status_code == 200
    return {each["alias"]: each for each in page.context["sections"]}


def test_workers_of_redis_are_in_the_list_with_all_that_is_known_of_them(
    sign_in: SignIn, alias: str
) -> None:
    join(alias)
    ids = [tasks.echo.using(backend=alias, queue_name="mail").enqueue(n).id for n in range(5)]
    assert len(claim(store_of(alias), 5, ID, queues=("mail",))) == 5
    client = sign_in("*")
    (worker,) = sections(client)[alias]["workers"]
    known = ("id", "supervisor", "pid", "is", "memory", "slots", "queues", "tenants", "running")
    assert [worker[name] for name in known] == [
        ID, 6, 7, "alive", "48 MB", "4 in threads, 10 async", "mail", "all", 5,
    ]  # fmt: skip
    assert len(worker["jobs"]) == 3
    assert worker["more"] == 2
    text = client.get(URL).content.decode()
    assert sum(f'href="/admin/django_taskq/job/{id}/change/"' in text for id in ids) == 3
    assert "&lt;box&gt;" in text
    assert "<box>" not in text
    assert ID in client.get(LIVE).content.decode()


def test_a_worker_of_redis_is_asked_to_stop_from_the_list(sign_in: SignIn, alias: str) -> None:
    join(alias)
    client = sign_in("*")
    assert sections(client)[alias]["may_stop"]
    answer = {"backend": alias, "page": "list", "action": "stop", "worker": [ID]}
    asks = client.post(LIVE, answer)
    assert "1 worker is asked to stop" in asks.content.decode()
    assert 'name="page" value="list"' in asks.content.decode()
    assert not store_of(alias).heartbeat(ID).is_stop_asked
    done = client.post(LIVE, {**answer, "confirmed": "yes"}, follow=True)
    assert done.redirect_chain == [(URL, 302)]
    assert "asked to stop" in told(done)
    assert store_of(alias).heartbeat(ID).is_stop_asked
    assert sections(client)[alias]["workers"][0]["is"] == "stopping"
    assert LogEntry.objects.get().object_id == ID


def test_who_may_not_stop_workers_or_see_jobs_sees_numbers_and_no_button(
    sign_in: SignIn, alias: str
) -> None:
    join(alias)
    tasks.echo.using(backend=alias, queue_name="mail").enqueue(1)
    claim(store_of(alias), 1, ID, queues=("mail",))
    client = sign_in("view_worker")
    found = sections(client)[alias]
    assert not found["may_stop"]
    assert (found["workers"][0]["running"], found["workers"][0]["jobs"]) == (1, [])
    text = client.get(URL).content.decode()
    assert 'value="stop"' not in text
    assert "tests.app" not in text


def test_a_pool_of_this_process_is_in_the_list_and_says_why_it_cannot_be_asked(
    sign_in: SignIn,
) -> None:
    gate = uuid4().hex
    job = tasks.hold.using(backend="threads").enqueue(gate)
    wait_until(lambda: get_job(job).state == "RUNNING", what="the job to run")
    client = sign_in("*")
    try:
        found = sections(client)["threads"]
        text = client.get(URL).content.decode()
    finally:
        gates.open_gate(gate)
    assert found["workers"][0]["running"] == 1
    assert not found["may_stop"]
    assert "Workers of a pool stop with its process." in text
    assert f'href="/admin/django_taskq/job/{job.id}/change/"' in text


@pytest.mark.parametrize(
    "page", [URL, LIVE, "/admin/django_taskq/queue/", "/admin/django_taskq/tenant/"]
)
def test_a_silent_redis_is_told_of_in_words_and_the_rows_are_shown(
    sign_in: SignIn, silent: str, page: str
) -> None:
    Queue.objects.using("postgresql").create(name="mail")
    Tenant.objects.using("postgresql").create(name="acme")
    tasks.echo.using(backend=silent, queue_name="mail", tenant="acme").enqueue(1)
    shown = sign_in("*").get(page, {"database": "postgresql"})
    text = shown.content.decode()
    assert shown.status_code == 200
    assert f"Redis does not answer for the backend “{silent}”." in text
    if page == LIVE:
        assert "1 ready" in text
