"""Pipeline runs in the admin: listed, drawn, retried and canceled."""

from typing import Any

import pytest

from django_taskq import PipelineRun
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
    assert client.post(url, {"cancel": "1"}).status_code == 403
    assert told(client.post(url, {"retry": "1"}, follow=True)) == "1 jobs run again."
    made.refresh()
    assert made.status == "RUNNING"


def test_who_may_see_no_jobs_sees_no_runs(sign_in: SignIn, alias: str) -> None:
    made = failed_run(alias)
    client = sign_in("view_queue")
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{made.id}/change/").status_code == 403


def test_an_unknown_run_is_not_found(sign_in: SignIn, alias: str) -> None:
    client = sign_in("view_job")
    assert client.get(f"{LIST}01998d3c-0000-7000-8000-000000000000/change/").status_code == 404
    assert client.get(f"{LIST}nothing/change/").status_code == 404
