"""Pipeline runs in the admin: listed, drawn, retried and canceled."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_taskq import PipelineRun
from django_taskq.control import database_of
from tests.admin.pages import SignIn, told
from tests.pipelines import steps
from tests.running import run_due

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LIST = "/admin/django_taskq/run/"


def failed_run(alias: str, tenant: str = "acme") -> PipelineRun:
    evil = '<script>alert("x")</script>'
    pipeline = (
        steps.begin.s([1, -1])
        >> steps.double.map()
        >> (steps.gather.using(task_id=evil) | steps.gather)
    )
    made = pipeline.enqueue(backend=alias, tenant=tenant)
    run_due(alias)
    return made


def page_of(client: Any, run: PipelineRun) -> str:
    page = client.get(f"{LIST}{run.id}/change/")
    assert page.status_code == 200
    text: str = page.content.decode()
    return text


def test_the_newest_runs_are_listed(sign_in: SignIn, alias: str) -> None:
    made, other = failed_run(alias), failed_run(alias, "globex")
    client = sign_in("view_job")
    text = client.get(LIST).content.decode()
    assert f'<a href="{LIST}{made.id}/change/">' in text
    assert "2 BLOCKED, 1 FAILED, 3 SUCCESSFUL" in text
    only = client.get(LIST, {"tenant": "acme"}).content.decode()
    assert made.id in only
    assert other.id not in only


def test_a_run_is_drawn_without_a_script_and_with_links(sign_in: SignIn, alias: str) -> None:
    made = failed_run(alias)
    made.refresh()
    text = page_of(sign_in("view_job"), made)
    drawing = text[text.index("<svg xmlns") :].partition("</svg>")[0]
    assert "<script" not in drawing
    assert "&lt;script&gt;" in drawing
    assert drawing.count("<rect") == 4
    assert drawing.count("<path d=") == 3 + 1
    assert f'<a href="/admin/django_taskq/job/{made.results["begin"].id}/change/">' in drawing
    assert "FAILED, 2 items" in drawing
    assert "Retry what failed" not in text


def test_a_run_that_is_over_has_no_button_that_would_change_nothing(
    sign_in: SignIn, alias: str
) -> None:
    failed = failed_run(alias)
    text = sign_in("*").get(f"{LIST}{failed.id}/change/").content.decode()
    assert "Retry what failed" in text
    assert "Cancel the run" not in text


def test_the_page_of_a_job_leads_to_its_run(sign_in: SignIn, alias: str) -> None:
    made = failed_run(alias)
    made.refresh()
    item = made.results["double[1]"].id
    text = sign_in("view_job").get(f"/admin/django_taskq/job/{item}/change/").content.decode()
    assert f'double[1] of <a href="{LIST}{made.id}/change/">{made.id}</a>' in text


def test_a_run_is_retried_and_canceled_by_who_may(sign_in: SignIn, alias: str) -> None:
    made = failed_run(alias)
    url = f"{LIST}{made.id}/change/"
    client = sign_in("view_job", "retry_job")
    assert client.post(url, {"cancel": "1", "confirmed": "yes"}).status_code == 403
    assert "failed steps run again" in client.post(url, {"retry": "1"}).content.decode()
    made.refresh()
    assert made.status == "FAILED"
    assert not LogEntry.objects.exists()
    done = client.post(url, {"retry": "1", "confirmed": "yes"}, follow=True)
    assert told(done) == "1 job runs again."
    made.refresh()
    assert made.status == "RUNNING"
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (made.id, "1 job runs again.")


def test_who_may_see_no_jobs_sees_no_runs(sign_in: SignIn, alias: str) -> None:
    made = failed_run(alias)
    client = sign_in("view_queue")
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{made.id}/change/").status_code == 403


def test_an_unknown_run_is_not_found(sign_in: SignIn, alias: str) -> None:
    client = sign_in("view_job")
    assert client.get(f"{LIST}01998d3c-0000-7000-8000-000000000000/change/").status_code == 404
    assert client.get(f"{LIST}nothing/change/").status_code == 404


def test_a_grid_shows_the_runs_with_the_same_steps_a_cell_for_each(
    sign_in: SignIn, alias: str
) -> None:
    runs = [failed_run(alias) for _ in range(2)]
    other = (steps.begin.s([1]) >> steps.double.map()).enqueue(backend=alias)
    client = sign_in("view_job")
    url = f"{LIST}{runs[0].id}/grid/"
    assert f'href="{url}"' in page_of(client, runs[0])
    with CaptureQueriesContext(connections[database_of(alias)]) as queries:
        page = client.get(url)
    assert len(queries) <= 12
    assert [row["id"] for row in page.context["rows"]] == [runs[1].id, runs[0].id]
    assert page.context["steps"][:2] == ["begin", "double"]
    begin, double, *_ = page.context["rows"][0]["cells"]
    assert (begin["told"], begin["style"]) == ("SUCCESSFUL", "taskq-good")
    assert double["style"] == "taskq-bad"
    assert "1 FAILED" in double["told"]
    assert begin["label"] == f"begin of run {runs[1].id}: SUCCESSFUL"
    text = page.content.decode()
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text
    only = client.get(f"{LIST}{other.id}/grid/").context
    assert [row["id"] for row in only["rows"]] == [other.id]


def test_a_grid_is_for_who_may_see_jobs_and_for_runs_that_there_are(
    sign_in: SignIn, alias: str
) -> None:
    made = failed_run(alias)
    missing = f"{LIST}01998d3c-0000-7000-8000-000000000000/grid/"
    assert sign_in("view_queue").get(f"{LIST}{made.id}/grid/").status_code == 403
    reader = Client()
    reader.force_login(User.objects.create(username="all", is_staff=True, is_superuser=True))
    assert reader.get(missing).status_code == 404


def test_a_list_of_many_runs_takes_few_queries(sign_in: SignIn, alias: str) -> None:
    for _ in range(15):
        steps.begin.s([1]).using(backend=alias).enqueue()
        (steps.begin.s([1]) >> steps.gather).enqueue(backend=alias)
    client = sign_in("*")
    with CaptureQueriesContext(connections[database_of(alias)]) as queries:
        assert client.get(LIST).status_code == 200
    assert len(queries) <= 8
