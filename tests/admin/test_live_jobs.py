"""The page of a job that is in no table: Redis' own, and those of the pools of this process."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import override_settings

from django_taskq import get_job
from django_taskq.control import store_of
from django_taskq.jobs.xcom import Pusher, XCom
from tests.admin.pages import LIST, SignIn, told
from tests.aliases import empty_redis
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.redis_alias import REDIS, REDIS_ENTRY
from tests.stores.jobs import claim, failure, finish, join, retry, success

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture(params=[REDIS])
def alias(request: pytest.FixtureRequest) -> Iterator[str]:
    """An alias whose jobs are no rows, each time with a new store; Redis unless asked for."""
    empty_redis()
    with override_settings(TASKS={**settings.TASKS, REDIS: REDIS_ENTRY}):
        yield request.param


def page_of(id: object) -> str:
    return f"{LIST}{id}/change/"


def cells_of(page: Any) -> dict[str, str]:
    """Return what the page of a job says in each of its fields."""
    form, job = page.context["adminform"], page.context["original"]
    names = [name for _, options in form.fieldsets for name in options["fields"]]
    return {name: str(getattr(form.model_admin, name)(job)) for name in names if name != "priority"
            and callable(getattr(form.model_admin, name, None))}  # fmt: skip


def test_a_job_of_redis_has_the_page_that_rows_have(sign_in: SignIn, alias: str) -> None:
    job = tasks.echo.using(
        backend=alias, tenant="<acme>", run_after=timedelta(hours=1), metadata={"about": "shop:5"}
    ).enqueue(1, secret_word="swordfish")
    client = sign_in("*")
    page = client.get(page_of(job.id))
    assert page.status_code == 200
    shown = cells_of(page)
    assert shown["state_cell"] == "SCHEDULED"
    assert "It waits until" in shown["why_line"]
    assert "Not before" in shown["timeline"]
    assert "shop:5" in shown["about_link"]
    text = page.content.decode()
    assert "swordfish" not in text
    assert "&lt;acme&gt;" in text
    assert "<acme>" not in text
    assert f"/admin/django_taskq/job/{job.id}/history/" in text
    assert client.get(f"{LIST}{job.id}/history/").status_code == 200


def test_who_may_not_see_payloads_reads_that_they_are_hidden(sign_in: SignIn, alias: str) -> None:
    job = tasks.echo.using(backend=alias).enqueue("an argument")
    text = sign_in("view_job").get(page_of(job.id)).content.decode()
    assert "an argument" not in text
    assert "view_payload_job" in text
    assert 'name="action"' not in text


def test_the_tries_of_a_job_of_redis_are_shown_with_their_tracebacks(
    sign_in: SignIn, alias: str
) -> None:
    store = store_of(alias)
    join(store)
    job = tasks.echo.using(backend=alias).enqueue(1)
    finish(store, retry(claim(store, 1)[0], text="the first time"))
    shown = cells_of(sign_in("*").get(page_of(job.id)))
    assert "the first time" in shown["tries_block"]
    assert "Attempt 1 started" in shown["timeline"] or "Attempt 1:" in shown["timeline"]


def test_it_is_canceled_from_its_page_once_the_reader_has_said_so_twice(
    sign_in: SignIn, alias: str
) -> None:
    job = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    client = sign_in("*")
    text = client.get(page_of(job.id)).content.decode()
    for verb in ("cancel", "run_now", "requeue"):
        assert f'name="action" value="{verb}"' in text
    assert 'name="action" value="retry"' not in text
    answer = {"action": "run_now", "job": job.id}
    asks = client.post(page_of(job.id), answer)
    assert "scheduled jobs become ready" in asks.content.decode()
    assert get_job(job).state == "SCHEDULED"
    done = client.post(page_of(job.id), {**answer, "confirmed": "yes"}, follow=True)
    assert told(done) == "1 job ready now."
    assert get_job(job).state == "READY"
    assert LogEntry.objects.get().change_message == "SCHEDULED -> READY."
    client.post(page_of(job.id), {"action": "cancel", "job": str(uuid4()), "confirmed": "yes"})
    assert get_job(job).state == "READY"


def test_nobody_acts_on_it_without_the_permission(sign_in: SignIn, alias: str) -> None:
    job = tasks.echo.using(backend=alias).enqueue(1)
    client = sign_in("view_job", "run_job")
    answer = {"action": "cancel", "job": job.id, "confirmed": "yes"}
    assert client.post(page_of(job.id), answer).status_code == 403
    assert get_job(job).state == "READY"


def test_what_a_job_of_redis_pushed_is_shown_while_it_runs_and_once_it_is_archived(
    sign_in: SignIn, alias: str
) -> None:
    store = store_of(alias)
    join(store)
    job = tasks.echo.using(backend=alias).enqueue(1)
    (claimed,) = claim(store, 1)
    pusher = Pusher(claimed.seq, claimed.attempt, claimed.id, "echo")
    values = {"<rows>": "[17]", "api_key": '"swordfish"'}
    store.xcoms.push([XCom("", "default", key, values[key], 60.0, pusher) for key in values])
    client = sign_in("*")
    running = cells_of(client.get(page_of(job.id)))["xcom_block"]
    finish(store, success(claimed))
    store.archive(10)
    page = client.get(page_of(job.id))
    for shown in (running, cells_of(page)["xcom_block"]):
        assert "[17]" in shown
        assert "&lt;rows&gt;" in shown
        assert "swordfish" not in shown
    assert page.context["original"].pk is not None


def test_a_job_that_is_retried_is_shown_as_redis_has_it_not_as_it_was_archived(
    sign_in: SignIn, alias: str
) -> None:
    store = store_of(alias)
    join(store)
    job = tasks.echo.using(backend=alias).enqueue(1)
    finish(store, failure(claim(store, 1)[0]))
    store.archive(10)
    client = sign_in("*")
    assert cells_of(client.get(page_of(job.id)))["state_cell"].startswith("FAILED")
    store.retry([job.id])
    assert cells_of(client.get(page_of(job.id)))["state_cell"] == "READY"


@pytest.mark.parametrize("alias", ["threads"], indirect=True)
def test_a_job_of_a_pool_of_this_process_has_a_page(sign_in: SignIn, alias: str) -> None:
    gate = uuid4().hex
    job = tasks.hold.using(backend=alias).enqueue(gate)
    try:
        wait_until(lambda: get_job(job).state == "RUNNING", what="the job to run")
        shown = cells_of(sign_in("*").get(page_of(job.id)))
    finally:
        gates.open_gate(gate)
    assert shown["state_cell"] == "RUNNING"
    assert "It was taken by worker threads:" in shown["why_line"]


@pytest.mark.parametrize("alias", ["threads"], indirect=True)
def test_jobs_of_a_pool_lead_to_those_that_they_wait_for(sign_in: SignIn, alias: str) -> None:
    gate = uuid4().hex
    first = tasks.hold.using(backend=alias).enqueue(gate)
    second = tasks.echo.using(backend=alias, depends_on=[first]).enqueue(1)
    client = sign_in("*")
    try:
        waits = cells_of(client.get(page_of(second.id)))["dependencies"]
        waited_for = cells_of(client.get(page_of(first.id)))["dependencies"]
    finally:
        gates.open_gate(gate)
    assert "Waits for" in waits
    assert f'href="{page_of(first.id)}"' in waits
    assert "What waits for it" in waited_for
    assert f'href="{page_of(second.id)}"' in waited_for


@pytest.mark.parametrize("wanted", ["01a22329-a86c-7f85-95eb-9687a4b0fc90", "<none>", "17"])
def test_a_job_that_is_not_there_is_told_of_in_words(
    sign_in: SignIn, alias: str, wanted: str
) -> None:
    page = sign_in("view_job").get(page_of(wanted))
    assert page.status_code == 404
    text = page.content.decode()
    assert "There is no such job" in text
    assert "<none>" not in text
    expected = "No backend has a job with the id" if len(wanted) == 36 else "Expected the id of a"
    assert expected in text


def test_who_may_see_no_jobs_does_not_learn_whether_one_is_there(
    sign_in: SignIn, alias: str
) -> None:
    job = tasks.echo.using(backend=alias).enqueue(1)
    client = sign_in("view_worker")
    assert client.get(page_of(job.id)).status_code == 403
    assert client.get(page_of(uuid4())).status_code == 403


def test_a_silent_redis_is_told_of_where_a_job_is_not_found(
    sign_in: SignIn, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tasks.echo.using(backend=alias).enqueue(1)
    gate = uuid4().hex
    monkeypatch.setattr(store_of(alias), "history", lambda *_: gates.pass_gate(gate))
    monkeypatch.setattr("django_taskq.admin.sightings.LONGEST", 0.3)
    page = sign_in("view_job").get(page_of(job.id))
    gates.open_gate(gate)
    assert page.status_code == 404
    text = page.content.decode()
    assert "redis: The store has not answered within 0.3 s. The job may be there." in text
