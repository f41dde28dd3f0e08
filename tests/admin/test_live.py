"""The page of what is in no table: Redis, the pools of this process, what does not answer."""

from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import Client, override_settings

from django_taskq import get_job
from django_taskq.admin import asking
from django_taskq.control import store_of
from django_taskq.jobs.workers import WorkerInfo
from django_taskq.models import Queue
from tests.admin.pages import SignIn, told
from tests.aliases import empty_redis
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.redis_alias import REDIS, REDIS_ENTRY
from tests.stores.jobs import claim


@pytest.fixture(params=[REDIS])
def alias(request: pytest.FixtureRequest) -> Iterator[str]:
    """An alias whose jobs are no rows, each time with a new store; Redis unless asked for."""
    empty_redis()
    with override_settings(TASKS={**settings.TASKS, REDIS: REDIS_ENTRY}):
        yield request.param


@pytest.fixture
def gate() -> Iterator[str]:
    """A gate that is open at the end at the latest."""
    name = uuid4().hex
    yield name
    gates.open_gate(name)


pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
URL = "/admin/django_taskq/worker/live/"


def section(client: Client, alias: str) -> Any:
    page = client.get(URL)
    assert page.status_code == 200
    (found,) = [each for each in page.context["sections"] if each["alias"] == alias]
    return found


def act(client: Client, alias: str, action: str, **chosen: Any) -> Any:
    chosen = {"confirmed": "yes", **chosen}
    return client.post(URL, {"backend": alias, "action": action, **chosen}, follow=True)


def test_jobs_and_workers_of_redis_are_shown_with_what_they_run(
    sign_in: SignIn, alias: str
) -> None:
    store = store_of(alias)
    store.join(WorkerInfo("box:7:ab", "box:7", "box", 7, ("mail",), 4))
    mail = tasks.echo.using(backend=alias, queue_name="mail", tenant="<acme>")
    for n in range(3):
        mail.enqueue(n)
    mail.using(run_after=timedelta(hours=1)).enqueue(4)
    (claimed,) = claim(store, 1, "box:7:ab")
    client = sign_in("*")
    found = section(client, alias)
    assert found["depth"] == "2 ready, 1 scheduled, 0 deferred, 1 running"
    assert found["lanes"] == [("mail", "<acme>", 2, 1, 0, 1)]
    (worker,) = found["workers"]
    assert (worker["id"], worker["is"], worker["running"]) == ("box:7:ab", "alive", 1)
    assert worker["jobs"][0][0] == (
        f'<a href="/admin/django_taskq/job/{claimed.id}/change/">tests.app.tasks.echo</a>'
    )
    assert {job["state"] for job in found["jobs"]} == {"READY", "SCHEDULED", "RUNNING"}
    assert claimed.id in {job["id"] for job in found["jobs"]}
    text = client.get(URL).content.decode()
    assert "&lt;acme&gt;" in text
    assert "<acme>" not in text


def test_jobs_of_redis_are_canceled_and_run_now_and_its_workers_asked_to_stop(
    sign_in: SignIn, alias: str
) -> None:
    store_of(alias).join(WorkerInfo("box:7:ab", "box:7", "box", 7))
    waiting = tasks.echo.using(backend=alias).enqueue(1)
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(2)
    client = sign_in("*")
    asks = act(client, alias, "cancel", job=[waiting.id], confirmed="")
    assert "1 chosen of redis: jobs that wait are canceled" in asks.content.decode()
    assert get_job(waiting).state == "READY"
    assert (
        told(act(client, alias, "cancel", job=[waiting.id])) == "1 job canceled, or asked to stop."
    )
    assert get_job(waiting).state == "CANCELED"
    assert "1 left as it was" in told(act(client, alias, "cancel", job=[waiting.id]))
    assert told(act(client, alias, "run_now", job=[later.id])) == "1 job ready now."
    assert get_job(later).state == "READY"
    assert "asked to stop" in told(act(client, alias, "stop", worker=["box:7:ab", "gone"]))
    assert store_of(alias).heartbeat("box:7:ab").is_stop_asked
    assert section(client, alias)["workers"][0]["is"] == "stopping"
    notes = set(LogEntry.objects.values_list("object_id", "change_message"))
    assert notes == {
        (waiting.id, "READY -> CANCELED."), (later.id, "SCHEDULED -> READY."),
        ("box:7:ab", "Asked to stop."),
    }  # fmt: skip


@pytest.mark.parametrize("alias", ["threads"], indirect=True)
def test_the_pool_of_this_process_is_shown_and_a_running_job_asked_to_stop(
    sign_in: SignIn, alias: str, gate: str
) -> None:
    held = tasks.hold.using(backend=alias).enqueue(gate)
    wait_until(lambda: get_job(held).state == "RUNNING", what="the job to run")
    client = sign_in("*")
    found = section(client, alias)
    assert [job["id"] for job in found["jobs"]] == [held.id]
    assert "tests.app.tasks.hold" in found["workers"][0]["jobs"][0][0]
    assert not found["may_stop"]
    assert "asked to stop" in told(act(client, alias, "cancel", job=[held.id]))
    assert LogEntry.objects.get().change_message == "Asked to stop."
    gates.open_gate(gate)


def test_who_may_see_no_jobs_sees_numbers_alone_and_can_do_nothing(
    sign_in: SignIn, alias: str
) -> None:
    store_of(alias).join(WorkerInfo("box:7:ab", "box:7", "box", 7))
    waiting = tasks.echo.using(backend=alias).enqueue(1)
    client = sign_in("view_worker", "cancel_job")
    found = section(client, alias)
    assert found["jobs"] == []
    assert found["depth"].startswith("1 ready")
    assert not found["may_stop"]
    assert act(client, alias, "cancel", job=[waiting.id]).status_code == 403
    assert act(client, alias, "stop", worker=["box:7:ab"]).status_code == 403
    assert get_job(waiting).state == "READY"
    other = Client()
    assert other.get(URL).status_code == 302


@pytest.mark.parametrize("page", [URL, "/admin/django_taskq/queue/", "/admin/django_taskq/tenant/"])
def test_a_store_that_does_not_answer_is_told_of_and_delays_no_page(
    sign_in: SignIn, alias: str, page: str, monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    Queue.objects.create(name="mail")
    tasks.echo.using(queue_name="mail").enqueue(1)
    hold = lambda *_: gates.pass_gate(gate)  # noqa: E731
    for verb in ("insights", "glance", "backlogs"):
        monkeypatch.setattr(store_of(alias), verb, hold)
    monkeypatch.setattr(asking, "LONGEST", 0.3)
    monkeypatch.setattr("django_taskq.admin.live_numbers.LONGEST", 0.3)
    client = sign_in("*")
    begun = monotonic()
    text = client.get(page).content.decode()
    assert monotonic() - begun < 5
    assert "The store has not answered within 0.3 s." in text
    gates.open_gate(gate)
