"""A deed on all jobs that match: how far it goes, what it leaves, how it stops."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from django_taskq.admin import actions, bulks
from django_taskq.control import cancel, database_of
from tests.admin.pages import LIST, SignIn, rows
from tests.app import tasks
from tests.running import run_due

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def begin(client: Client, action: str, query: str = "", **more: str) -> Any:
    """Confirm an action on all that match; return the address of the bulk's page."""
    posted = {"action": action, "select_across": "1", "index": "0", "_selected_action": ["1"]}
    page = client.post(f"{LIST}?{query}", {**posted, **more})
    assert page.status_code == 200
    page = client.post(f"{LIST}?{query}", {**posted, "confirmed": "yes", **more})
    assert page.status_code == 302, page.context["problem"]
    return page.url


def progress(client: Client, address: str) -> Any:
    page = client.get(address)
    assert page.status_code == 200
    return page.context["bulk"]


def press(client: Client, address: str, **posted: str) -> Any:
    step = str(progress(client, address).step)
    assert client.post(address, {"step": step, **posted}).url == address
    return progress(client, address)


def finish(client: Client, address: str, most: int = 200) -> Any:
    for _ in range(most):
        bulk = press(client, address)
        if bulk.is_over:
            return bulk
    raise AssertionError(f"Not over after {most} steps.")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch of five a step."""
    monkeypatch.setattr(bulks, "BATCH", 5)
    monkeypatch.setattr(bulks, "SLICE", 8)
    monkeypatch.setattr(bulks, "SECONDS", 1e-9)


def test_all_that_match_are_changed_and_logged_and_no_other(sign_in: SignIn, alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    mail = on.using(queue_name="emails")
    mail.enqueue_many([((n,), {}) for n in range(1200)])
    other = on.enqueue(1).id
    client = sign_in("view_job", "cancel_job")
    query = f"database={database_of(alias)}&queue=emails"
    address = begin(client, "cancel_jobs", query)
    assert rows(alias).filter(state="CANCELED").count() == 0
    bulk = finish(client, address)
    assert (bulk.changed, bulk.stayed, bulk.percent) == (1200, 0, 100)
    assert rows(alias).exclude(state="CANCELED").get().public_id.__str__() == other
    assert LogEntry.objects.count() == 1200
    page = client.get(address).content.decode()
    assert "Done." in page
    assert "1200 jobs canceled, or asked to stop." in page
    assert "taskq-continue" not in page


def test_a_page_says_how_many_before_and_how_far_between(sign_in: SignIn, small: None) -> None:
    tasks.echo.enqueue_many([((n,), {}) for n in range(23)])
    client = sign_in("view_job", "requeue_job")
    posted = {"action": "requeue_jobs", "select_across": "1", "_selected_action": ["1"]}
    asked = client.post(LIST, {**posted, "index": "0"}).content.decode()
    assert "23 jobs were selected." in asked
    assert "enqueued again as copies" in asked
    address = begin(client, "requeue_jobs")
    bulk = press(client, address)
    assert (bulk.changed, bulk.is_over) == (5, False)
    assert 0 < bulk.percent < 100
    page = client.get(address).content.decode()
    assert 'name="step"' in page
    assert 'name="stop"' in page
    assert "<script>" not in page
    assert 'src="/static/django_taskq/bulk.js"' in page


def test_what_is_enqueued_meanwhile_is_left_alone(sign_in: SignIn, small: None) -> None:
    tasks.echo.enqueue_many([((n,), {}) for n in range(12)])
    client = sign_in("view_job", "requeue_job")
    bulk = finish(client, begin(client, "requeue_jobs"))
    assert bulk.changed == 12
    assert rows("default").count() == 24


def test_a_page_that_is_sent_twice_does_a_batch_once(sign_in: SignIn, small: None) -> None:
    tasks.echo.enqueue_many([((n,), {}) for n in range(12)])
    client = sign_in("view_job", "requeue_job")
    address = begin(client, "requeue_jobs")
    step = str(progress(client, address).step)
    for _ in range(3):
        client.post(address, {"step": step})
    assert progress(client, address).changed == 5
    assert rows("default").count() == 17


def test_stop_ends_it_for_good(sign_in: SignIn, small: None) -> None:
    tasks.echo.enqueue_many([((n,), {}) for n in range(12)])
    client = sign_in("view_job", "cancel_job")
    address = begin(client, "cancel_jobs")
    press(client, address)
    stopped = press(client, address, stop="yes")
    assert (stopped.is_stopped, stopped.changed) == (True, 5)
    assert press(client, address).changed == 5
    assert "Stopped." in client.get(address).content.decode()
    assert rows("default").filter(state="CANCELED").count() == 5


def test_refusals_are_counted_with_their_reasons(sign_in: SignIn, small: None) -> None:
    named = tasks.echo.using(task_id="nightly", run_after=timedelta(hours=1))
    first = named.enqueue(1).id
    cancel(first)
    held = named.enqueue(2).id
    done = tasks.echo.enqueue(3)
    run_due("default")
    client = sign_in("view_job", "retry_job")
    bulk = finish(client, begin(client, "retry_jobs"))
    assert (bulk.changed, bulk.stayed) == (0, 3)
    assert bulk.reasons == [f"Job {first} was left as it was: its task_id is held by {held}."]
    assert done.id not in str(bulk.reasons)


def test_every_filter_bounds_it(sign_in: SignIn) -> None:
    wanted = tasks.fail.using(tenant="acme", queue_name="emails").enqueue("KeyError", "x").id
    tasks.fail.using(tenant="acme", queue_name="emails").enqueue("ValueError", "x")
    tasks.fail.using(tenant="globex", queue_name="emails").enqueue("KeyError", "x")
    tasks.fail.using(tenant="acme").enqueue("KeyError", "x")
    run_due("default")
    query = (
        "state=FAILED&tenant=acme&queue=emails&task=tests.app.tasks.fail&error=KeyError&time=hour"
        "&failure=error&q=acme"
    )
    client = sign_in("view_job", "retry_job")
    bulk = finish(client, begin(client, "retry_jobs", query))
    assert bulk.changed == 1
    assert "time=" not in bulk.query
    assert str(rows("default").get(state="READY").public_id) == wanted


def test_what_cannot_be_read_never_stands_for_all(sign_in: SignIn) -> None:
    tasks.echo.enqueue(1)
    client = sign_in("view_job", "cancel_job")
    posted = {"action": "cancel_jobs", "select_across": "1", "confirmed": "yes", "index": "0"}
    for query in ("run=nonsense", "schedule=x", "from=2026-13-45", "state=nonsense", "time=year"):
        page = client.post(f"{LIST}?{query}", {**posted, "_selected_action": ["1"]}, follow=True)
        assert not page.request["PATH_INFO"].startswith(f"{LIST}bulk/"), query
    for query in ("id__gt=0", "state__exact=READY", "task__contains=x"):
        assert client.post(f"{LIST}?{query}", posted).status_code == 400, query
    assert rows("default").get().state == "READY"


def test_a_bulk_is_its_readers_own_and_needs_the_permission_at_each_step(
    sign_in: SignIn, small: None
) -> None:
    tasks.echo.enqueue_many([((n,), {}) for n in range(12)])
    client = sign_in("view_job", "cancel_job")
    address = begin(client, "cancel_jobs")
    press(client, address)
    User.objects.get().user_permissions.all().delete()
    assert client.post(address, {"step": "2"}).status_code == 403
    assert client.get(address).status_code == 403
    assert rows("default").filter(state="CANCELED").count() == 5
    stranger = Client()
    assert stranger.get(address).status_code == 302
    User.objects.create_superuser("other")
    stranger.force_login(User.objects.get(username="other"))
    assert stranger.get(address, follow=True).redirect_chain[-1][0] == LIST


def test_a_forged_post_without_a_token_is_refused(sign_in: SignIn, small: None) -> None:
    tasks.echo.enqueue_many([((n,), {}) for n in range(12)])
    plain = sign_in("*")
    address = begin(plain, "cancel_jobs")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = plain.cookies
    assert strict.post(address, {"step": "0"}).status_code == 403
    posted = {"action": "cancel_jobs", "_selected_action": ["1"], "confirmed": "yes"}
    assert strict.post(LIST, posted).status_code == 403
    assert rows("default").filter(state="CANCELED").count() == 0


def test_jobs_get_another_queue_and_priority(sign_in: SignIn, alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    ids = {on.enqueue(n).id for n in range(7)}
    client = sign_in("view_job", "amend_job")
    query = f"database={database_of(alias)}&state=READY"
    address = begin(client, "amend_jobs", query, queue="bulk", priority="-10")
    assert finish(client, address).changed == 7
    found = rows(alias).filter(queue="bulk", priority=-10)
    assert {str(id) for id in found.values_list("public_id", flat=True)} == ids
    assert LogEntry.objects.first().change_message == "Changed: queue bulk, priority -10."


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Expected a queue, a priority or both"),
        ({"priority": "many"}, "priority: expected a whole number from -100 to 100"),
        ({"priority": "101"}, "priority: expected a whole number from -100 to 100"),
        ({"queue": "q" * 129}, "queue: expected text of at most 128 characters"),
    ],
)
def test_a_wrong_queue_or_priority_is_asked_for_again(
    sign_in: SignIn, given: dict[str, str], told: str
) -> None:
    tasks.echo.enqueue(1)
    posted = {"action": "amend_jobs", "select_across": "1", "confirmed": "yes", "index": "0"}
    chosen = {**posted, "_selected_action": ["1"], **given}
    page = sign_in("view_job", "amend_job").post(LIST, chosen)
    assert told in page.content.decode().replace("&#x27;", "'")
    assert rows("default").get().priority == 0


def test_few_bulks_are_kept(sign_in: SignIn) -> None:
    client = sign_in("view_job", "cancel_job")
    addresses = [begin(client, "cancel_jobs") for _ in range(bulks.MOST_KEPT + 1)]
    assert client.get(addresses[0]).status_code == 302
    assert all(client.get(address).status_code == 200 for address in addresses[1:])
    assert actions.BATCH == bulks.BATCH
