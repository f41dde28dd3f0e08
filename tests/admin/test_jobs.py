"""Jobs in the admin: the list, one job, the actions and their permissions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin import AdminSite
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse
from django.utils import timezone

from django_taskq.admin import JobAdmin, paging, spines
from django_taskq.control import database_of, get_job, store_of
from django_taskq.models import Attempt, Job
from tests.admin.pages import LIST, SignIn, listed, rows, told
from tests.app import gates, tasks, xcom_tasks
from tests.deadlines import wait_until
from tests.management.calls import call
from tests.running import run_due, running, wait_until_running
from tests.stores.contracts.giving_back import given_back
from tests.stores.jobs import WORKER, claim, claim_one, join, lose

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

MOST_QUERIES = 12

other_site = AdminSite(name="other")
other_site.register(Job, JobAdmin)
urlpatterns = [path("other/", other_site.urls), path("", include("tests.urls"))]


@pytest.fixture
def count_queries() -> Callable[[], Iterator[Any]]:
    def count() -> Any:
        return [CaptureQueriesContext(connections[name]) for name in connections]

    return count


def test_the_values_that_a_job_pushed_stand_on_its_page_escaped(
    sign_in: SignIn, alias: str
) -> None:
    job = xcom_tasks.push.using(backend=alias).enqueue("<i>k</i>", "<script>alert(1)</script>\x1b")
    run_due(alias)
    text = sign_in("view_job", "view_payload_job").get(f"{LIST}{job.id}/change/").content.decode()
    assert "&lt;i&gt;k&lt;/i&gt;" in text
    assert "[&quot;&lt;script&gt;alert(1)&lt;/script&gt;\\u001b&quot;,1]" in text
    assert "<script>alert" not in text


# The list.


def test_the_list_shows_the_newest_jobs_first(sign_in: SignIn, alias: str) -> None:
    ids = [tasks.echo.using(backend=alias, tenant="acme").enqueue(n).id for n in range(3)]
    client = sign_in("view_job", "view_payload_job")
    assert listed(client, database=database_of(alias)) == ids[::-1]
    text = client.get(LIST, {"database": database_of(alias)}).content.decode()
    for shown in (ids[0], "tests.app.tasks.echo", "READY", "default", "acme"):
        assert shown in text


def test_a_predictable_id_is_shown_in_the_list_and_on_the_page(sign_in: SignIn, alias: str) -> None:
    job = tasks.echo.using(backend=alias, task_id="nightly <b>").enqueue(1)
    client = sign_in("view_job", "view_payload_job")
    for place in (LIST, f"{LIST}{job.id}/change/"):
        text = client.get(place, {"database": database_of(alias)}).content.decode()
        assert "nightly &lt;b&gt;" in text


def test_the_list_and_a_job_are_hidden_from_who_may_not_view_jobs(sign_in: SignIn) -> None:
    job = tasks.echo.enqueue(1)
    client = sign_in("view_worker", "retry_job")
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{job.id}/change/").status_code == 403


def test_jobs_cannot_be_added_changed_or_deleted_by_forms(sign_in: SignIn) -> None:
    job = tasks.echo.enqueue(1)
    client = sign_in("*")
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{job.id}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{LIST}{job.id}/change/", {"task": "os.system"}).status_code == 403
    assert "delete_selected" not in client.get(LIST).content.decode()
    assert get_job(job).task == "tests.app.tasks.echo"


def test_a_filter_by_state_shows_the_jobs_of_that_state(sign_in: SignIn, alias: str) -> None:
    database = database_of(alias)
    failed = tasks.fail.using(backend=alias).enqueue().id
    done = tasks.echo.using(backend=alias).enqueue(1).id
    run_due(alias)
    gate = f"admin on {alias}"
    held = tasks.hold.using(backend=alias, queue_name="held").enqueue(gate)
    with running(alias):
        wait_until_running(held, gate)
        client = sign_in("view_job", "view_payload_job")
        assert listed(client, database=database, state="RUNNING") == [held.id]
        gates.open_gate(gate)
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1).id
    ready = tasks.echo.using(backend=alias).enqueue(1).id
    assert listed(client, database=database, state="READY") == [ready]
    assert listed(client, database=database, state="SCHEDULED") == [later]
    assert listed(client, database=database, state="FAILED") == [failed]
    assert listed(client, database=database, state="SUCCESSFUL") == [held.id, done]
    assert listed(client, database=database, state="SKIPPED") == []
    assert listed(client, database=database, state="nonsense") == []


def test_ready_jobs_are_filtered_by_queue_and_then_by_tenant(sign_in: SignIn, alias: str) -> None:
    on = tasks.echo.using(backend=alias, queue_name="emails")
    acme = on.using(tenant="acme").enqueue(1).id
    urgent = on.using(tenant="acme", priority=100).enqueue(1).id
    globex = on.using(tenant="globex").enqueue(1).id
    tasks.echo.using(backend=alias).enqueue(1)
    client = sign_in("view_job", "view_payload_job")
    chosen = {"database": database_of(alias), "state": "READY", "queue": "emails"}
    assert listed(client, **chosen) == [urgent, acme, globex]
    assert listed(client, **chosen, tenant="acme") == [urgent, acme]
    assert listed(client, **chosen, tenant="nobody\x00") == []
    page = client.get(LIST, {**chosen, "tenant": "nobody\x00"})
    assert "tenant: expected a name of at most 300 characters without NUL." in told(page)
    assert 'name="tenant"' in client.get(LIST, chosen).content.decode()


@pytest.mark.parametrize("most", [50, 2])
def test_a_tenants_ready_jobs_are_found_behind_every_gate(
    sign_in: SignIn, alias: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spines, "MOST_GATES", most)
    on = tasks.echo.using(backend=alias, queue_name="emails", tenant="acme")
    ids = [on.using(priority=100 * (n == 3)).enqueue(n).id for n in range(5)]
    for n, id in enumerate(ids[1:]):
        rows(alias).filter(public_id=id).update(gate=f"tests.app.tasks.echo max_running={n}")
    on.using(tenant="globex").enqueue(6)
    chosen = {"database": database_of(alias), "state": "READY", "queue": "emails"}
    found = listed(sign_in("view_job", "view_payload_job"), **chosen, tenant="acme")
    assert found == [ids[3], *ids[:3], ids[4]]


def test_a_job_that_was_given_back_says_why_it_waits(sign_in: SignIn, alias: str) -> None:
    id = tasks.echo.using(backend=alias).enqueue(1).id
    store = store_of(alias)
    store.finish(WORKER, [given_back(claim_one(store))])
    page = sign_in("view_job", "view_payload_job").get(f"{LIST}{id}/change/").content.decode()

    assert f"Worker {WORKER} could not load it, and gave it back to others until" in page
    shown = call("job", "show", id, "--backend", alias)
    assert f"Worker {WORKER} could not load it" in shown.out


def test_a_job_says_why_it_is_not_running(
    sign_in: SignIn, alias: str, count_queries: Callable[[], Any]
) -> None:
    on = tasks.echo.using(backend=alias, tenant="<b>acme</b>", max_running=3, max_rate="9/s")
    job = [on.enqueue(n) for n in range(3)][-1]
    client = sign_in("view_job", "view_payload_job")
    url = f"{LIST}{job.id}/change/"
    assert (
        "No worker is alive: start one by manage.py runworker." in client.get(url).content.decode()
    )
    join(store_of(alias))
    captures = count_queries()
    with ExitStack() as stack:
        for capture in captures:
            stack.enter_context(capture)
        text = client.get(url).content.decode()
    assert "It is ready, behind about 2 jobs of its tenant &#x27;&lt;b&gt;acme" in text
    # Each database but two is looked in for the job, and MySQL is asked for the time apart.
    more = 2 * (alias == "mysql")
    assert sum(map(len, captures)) <= MOST_QUERIES + more
    rows(alias).filter(public_id=job.id).update(backend="renamed")
    assert "TASKS has no alias “renamed” any more" in client.get(url).content.decode()
    rows(alias).filter(public_id=job.id).update(state="SUCCESSFUL", finished_at=timezone.now())
    assert "TASKS has no alias" not in client.get(url).content.decode()


def test_what_a_later_release_has_written_is_shown(sign_in: SignIn, alias: str) -> None:
    id = tasks.echo.using(backend=alias).enqueue(1).id
    rows(alias).filter(public_id=id).update(
        state="HIBERNATING", failure="moonlight", parked_for="moon", is_parked=True,
        gate="tests.app.tasks.echo colour=red", options='{"colour":"red"}', worker_ids="5",
        metadata="[1]", progress='{"a":1}', ctx='{"_unloadable_since":5}', result="nonsense",
    )  # fmt: skip
    client = sign_in("*")

    assert listed(client, database=database_of(alias)) == [id]
    shown_list = client.get(LIST, {"database": database_of(alias)}).content.decode()
    assert "HIBERNATING (moonlight)" in shown_list
    page = client.get(f"{LIST}{id}/change/").content.decode()
    for shown in ("HIBERNATING", "moonlight", "moon", "colour", "nonsense"):
        assert shown in page


def test_a_suspect_is_listed_apart_and_says_why_it_waits(sign_in: SignIn, alias: str) -> None:
    suspect = tasks.echo.using(backend=alias).enqueue(1).id
    lose(store_of(alias), *claim(store_of(alias)))
    plain = tasks.echo.using(backend=alias).enqueue(2).id
    client = sign_in("view_job", "view_payload_job")
    chosen = {"database": database_of(alias), "state": "READY"}

    assert listed(client, **chosen) == [plain]
    assert listed(client, **chosen, apart="yes") == [suspect]
    assert listed(client, **chosen, apart="yes", queue="none") == []
    assert listed(client, database=database_of(alias), apart="yes") == [plain, suspect]
    assert "apart=yes" in client.get(LIST, chosen).content.decode()
    page = client.get(f"{LIST}{suspect}/change/").content.decode()
    assert "Waits to run alone, since its worker died while it ran." in page


def test_a_search_finds_a_job_by_its_id_alone(sign_in: SignIn, alias: str) -> None:
    tasks.echo.using(backend=alias).enqueue(1)
    wanted = tasks.echo.using(backend=alias).enqueue(2).id
    client = sign_in("view_job", "view_payload_job")
    database = database_of(alias)
    assert listed(client, database=database, q=f" {wanted.upper()} ") == [wanted]
    assert listed(client, database=database, q=wanted.replace("-", "")) == [wanted]
    assert listed(client, database=database, q=str(uuid4())) == []


def test_other_columns_can_be_neither_sorted_nor_filtered_by(sign_in: SignIn) -> None:
    ids = [tasks.echo.using(priority=n).enqueue(n).id for n in (3, 1, 2)]
    client = sign_in("view_job", "view_payload_job")
    assert listed(client, o="6") == ids[::-1]
    assert "sortable" not in client.get(LIST).content.decode().partition("<tbody>")[0]


def test_the_list_counts_no_further_than_can_be_paged(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST", 200)
    tasks.echo.enqueue_many([((n,), {}) for n in range(250)])
    client = sign_in("view_job", "view_payload_job")
    page = client.get(LIST, {"p": "2"})
    assert "More than 200 jobs" in page.content.decode()
    assert len(page.context["cl"].result_list) == 50
    assert client.get(LIST, {"p": "5"}).status_code == 302


def test_values_of_users_are_escaped_and_without_control_characters(sign_in: SignIn) -> None:
    script = '<script>alert("x")</script>'
    evil = f"{script}\x1b\u202e"
    job = tasks.fail.using(metadata={"m": evil}).enqueue("ValueError", evil)
    run_due("default")
    Job.objects.update(
        tenant=evil, queue=evil, task=script, reason=evil, worker_ids=evil, progress=evil
    )
    Attempt.objects.update(worker_id=evil, verdict="<b>")
    client = sign_in("view_job", "view_payload_job")
    for url in (LIST, f"{LIST}{job.id}/change/"):
        text = client.get(url).content.decode()
        assert "&lt;script&gt;" in text
        assert '<script>alert("x")' not in text
        assert not {"\x1b", "\u202e"} & set(text)
        assert "<style" not in text
        assert not [tag for tag in text.split("<script")[1:] if "src=" not in tag.split(">")[0]]


# One job.


def test_a_job_shows_every_try_with_its_traceback(sign_in: SignIn, alias: str) -> None:
    job = tasks.succeed_on.using(
        backend=alias, max_tries=3, backoff=0, metadata={"color": "red"}
    ).enqueue(3)
    run_due(alias)
    text = sign_in("view_job", "view_payload_job").get(f"{LIST}{job.id}/change/").content.decode()
    for shown in ("Attempt 1", "Attempt 2", "ValueError: attempt 1", "ValueError: attempt 2"):
        assert shown in text
    for shown in ("SUCCESSFUL", "color", "First started", "Ended", "<li>"):
        assert shown in text


def test_a_first_success_shows_its_log_escaped(sign_in: SignIn, alias: str) -> None:
    script = '<script>alert("x")</script>\x1b'
    on = tasks.chat.using(backend=alias, metadata={"color": "red", "_hidden": 1})
    job = on.enqueue(f"{script} {'x' * 15_000} the end")
    run_due(alias)
    text = sign_in("view_job", "view_payload_job").get(f"{LIST}{job.id}/change/").content.decode()
    assert "Attempt 1: succeeded" in text
    log = text.partition("<p>Log</p>")[2].partition("</details>")[0]
    assert "WARNING tests.app.chat: &lt;script&gt;" in log
    assert "the end" in log
    assert "left out" not in log
    assert script not in text
    assert "\x1b" not in text
    assert "color" in text
    assert "_hidden" not in text


def test_a_running_job_shows_its_progress_and_metadata(sign_in: SignIn, alias: str) -> None:
    gate = f"admin shows progress on {alias}"
    client = sign_in("view_job", "view_payload_job")
    job = tasks.tell_progress.using(backend=alias).enqueue(3, 10, "<b>half", gate)
    with running(alias):
        wait_until_running(job, gate)
        page = f"{LIST}{job.id}/change/"
        wait_until(
            lambda: "3 of 10: &lt;b&gt;half" in client.get(page).content.decode(),
            timeout=30,
            what="the page to show the progress",
        )
        gates.open_gate(gate)


def test_a_job_shows_what_bounds_its_task(sign_in: SignIn, alias: str) -> None:
    job = tasks.echo.using(backend=alias).enqueue(1)
    client = sign_in("view_job", "view_payload_job")
    assert "max_running" not in client.get(f"{LIST}{job.id}/change/").content.decode()
    rows(alias).update(gate="tests.app.tasks.echo max_running=3 max_rate=10/s")
    text = client.get(f"{LIST}{job.id}/change/").content.decode()
    assert "max_running 3, max_rate 10/s" in text
    rows(alias).update(gate="<b> max_running=many")
    assert "&lt;b&gt; max_running=many" in client.get(f"{LIST}{job.id}/change/").content.decode()


def test_a_large_payload_is_cut_with_a_note(sign_in: SignIn) -> None:
    job = tasks.echo.enqueue("x" * 1_000_000)
    page = sign_in("view_job", "view_payload_job").get(f"{LIST}{job.id}/change/")
    assert "characters left out" in page.content.decode()
    assert len(page.content) < 100_000


def test_a_job_with_unreadable_columns_is_shown_as_it_is(sign_in: SignIn) -> None:
    job = tasks.echo.enqueue(1)
    Job.objects.update(
        args="[1,", kwargs="NaN", metadata="{", worker_ids='{"a"', state="LATER", result="\\"
    )
    client = sign_in("view_job", "view_payload_job")
    text = client.get(f"{LIST}{job.id}/change/").content.decode()
    assert "[1," in text
    assert "LATER" in text
    assert job.id in client.get(LIST).content.decode()


@pytest.mark.parametrize("id", ["0198c9f4-0000-7000-8000-000000000000", "1", "nonsense", "_2F"])
def test_an_unknown_job_is_a_page_that_says_so(sign_in: SignIn, id: str) -> None:
    page = sign_in("*").get(f"{LIST}{id}/change/")
    assert page.status_code == 404
    assert "There is no such job" in page.content.decode()


def test_pages_take_few_queries(sign_in: SignIn, alias: str, count_queries: Any) -> None:
    for n in range(30):
        tasks.fail.using(backend=alias, max_tries=2, backoff=0).enqueue("ValueError", n)
    run_due(alias)
    id = str(rows(alias).values_list("public_id", flat=True)[0])
    client = sign_in("view_job", "retry_job", "cancel_job")
    database = database_of(alias)
    for url in (
        f"{LIST}?database={database}",
        f"{LIST}?database={database}&state=FAILED",
        f"{LIST}?database={database}&state=READY&queue=q&tenant=t",
        f"{LIST}?database={database}&q={id}",
        f"{LIST}{id}/change/",
        f"{LIST}{id}/history/",
    ):
        captures = count_queries()
        for capture in captures:
            capture.__enter__()
        assert client.get(url).status_code == 200
        for capture in captures:
            capture.__exit__(None, None, None)
        assert sum(map(len, captures)) <= MOST_QUERIES, url


@override_settings(ROOT_URLCONF="tests.admin.test_jobs")
def test_the_pages_work_in_any_admin_site(sign_in: SignIn) -> None:
    job = tasks.echo.enqueue(1)
    client = sign_in("*")
    page = client.get("/other/django_taskq/job/")
    link = reverse("admin:django_taskq_job_change", args=(job.id,), current_app="other")
    assert link.startswith("/other/")
    assert f'href="{link}"' in page.content.decode()
    assert client.get(link).status_code == 200
    posted = {"action": "delete_jobs", "_selected_action": ["1"], "index": "0"}
    page = client.post(
        "/other/django_taskq/job/", {**posted, "_selected_action": [Job.objects.get().pk]}
    )
    assert 'href="/other/django_taskq/job/"' in page.content.decode()
