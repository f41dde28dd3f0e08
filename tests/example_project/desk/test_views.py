import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

import django_taskq
from django_taskq.jobs.states import State
from tests.deadlines import wait_until

pytestmark = pytest.mark.django_db


def hand_in(client: Client, customer: Any, **data: Any) -> Any:
    """Send in a document; return the answer."""
    return client.post(customer.get_absolute_url(), data)


def job_of(response: Any) -> str:
    return str(UUID(response.url.rstrip("/").rpartition("/")[2]))


def test_the_first_page_leads_to_a_customer(client: Client, customer: Any) -> None:
    assert client.get("/").url == "/customers/acme/"


def test_a_desk_without_customers_says_so(client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 404
    assert b"no customers yet" in response.content


def test_an_uploaded_file_becomes_a_document_and_a_job_of_the_tenant(
    client: Client, customer: Any
) -> None:
    file = SimpleUploadedFile("a.txt", b"some words")
    response = hand_in(client, customer, file=file)
    job = django_taskq.get_job(job_of(response))
    assert (job.tenant, job.queue, job.state) == ("acme", "documents", State.READY)
    document = customer.documents.get()
    assert document.name == "a.txt"
    assert Path(document.path).read_bytes() == b"some words"
    assert Path(document.path).is_relative_to(settings.UPLOADS)


def test_a_pasted_text_becomes_a_document(client: Client, customer: Any) -> None:
    hand_in(client, customer, text="Zwölf\n", name="../notes.txt")
    document = customer.documents.get()
    assert document.name == "../notes.txt"
    assert Path(document.path).read_text().splitlines() == ["Zwölf"]
    assert Path(document.path).resolve().is_relative_to(settings.UPLOADS)


@pytest.mark.parametrize("data", [{}, {"text": "  "}], ids=["nothing", "blanks"])
def test_an_empty_form_is_refused(client: Client, customer: Any, data: dict[str, str]) -> None:
    response = hand_in(client, customer, **data)
    assert response.status_code == 400
    assert b"Choose one file" in response.content
    assert not customer.documents.exists()


def test_a_file_over_the_limit_is_refused(client: Client, customer: Any) -> None:
    file = SimpleUploadedFile("large.txt", b"x" * (settings.LARGEST_UPLOAD + 1))
    response = hand_in(client, customer, file=file)
    assert response.status_code == 400
    assert "64.0\xa0KB" in response.content.decode()
    assert not customer.documents.exists()


def test_a_text_over_the_limit_is_refused(client: Client, customer: Any) -> None:
    response = hand_in(client, customer, text="x" * 200_001)
    assert response.status_code == 400
    assert not customer.documents.exists()


def test_everything_shown_is_escaped(client: Client, customer: Any) -> None:
    customer.name = "<script>alert(1)</script>"
    customer.save()
    response = hand_in(client, customer, text="x", name="<script>alert(2)</script>")
    document = customer.documents.get()
    document.summary = "<script>alert(3)</script>"
    document.save()
    for url in (
        response.url,
        customer.get_absolute_url(),
        f"/customers/acme/documents/{document.pk}/",
    ):
        page = client.get(url)
        assert page.status_code == 200
        assert b"<script>alert" not in page.content
        assert b"&lt;script&gt;alert" in page.content


def test_the_desk_shows_recent_documents_with_their_state(client: Client, customer: Any) -> None:
    response = hand_in(client, customer, text="x", name="waiting.txt")
    assert b'"state ready"' in client.get(customer.get_absolute_url()).content
    django_taskq.cancel(job_of(response))
    assert b'"state canceled"' in client.get(customer.get_absolute_url()).content


def test_a_job_is_shown_to_its_own_customer_only(client: Client, customer: Any) -> None:
    from example_project.desk.models import Customer

    Customer.objects.create(slug="globex", name="Globex")
    url = hand_in(client, customer, text="x").url
    assert client.get(url).status_code == 200
    stranger = url.replace("acme", "globex")
    assert client.get(stranger).status_code == 404
    assert client.get(f"{stranger}events/").status_code == 404
    assert client.post(f"{stranger}cancel/").status_code == 404


def test_an_unknown_job_is_not_found(client: Client, customer: Any) -> None:
    url = "/customers/acme/jobs/01939c3c-0000-7000-8000-000000000000/"
    assert client.get(url).status_code == 404
    assert client.get(f"{url}events/").status_code == 404


def test_a_page_works_without_scripts(client: Client, customer: Any) -> None:
    page = client.get(hand_in(client, customer, text="x").url).content.decode()
    assert ">Refresh</a>" in page
    assert "<script>" not in page


def test_a_canceled_job_is_shown_as_such_and_followed_no_more(
    client: Client, customer: Any
) -> None:
    url = hand_in(client, customer, text="x").url
    assert client.post(f"{url}cancel/").url == url
    page = client.get(url).content.decode()
    assert "canceled" in page
    assert "data-events" not in page
    assert client.post(f"{url}cancel/", follow=True).status_code == 200


def test_a_report_is_a_job_of_the_tenant(client: Client, customer: Any) -> None:
    response = client.post("/customers/acme/report/")
    job = django_taskq.get_job(job_of(response))
    assert (job.tenant, job.task.rpartition(".")[2]) == ("acme", "write_report")
    assert b"write_report" in client.get(response.url).content


def test_the_result_of_a_report_is_shown(client: Client, customer: Any) -> None:
    from django_taskq.models import Job

    response = client.post("/customers/acme/report/")
    result = {"documents": 2, "missing": 0, "words": 9, "top": "queue (4)"}
    Job.objects.update(
        state=State.SUCCESSFUL, finished_at="2026-01-01T00:00Z", result=json.dumps(result)
    )
    assert b"queue (4)" in client.get(response.url).content


@pytest.mark.django_db(transaction=True)
def test_a_deleted_document_takes_its_upload_along(client: Client, customer: Any) -> None:
    hand_in(client, customer, text="x")
    document = customer.documents.get()
    response = client.post(f"/customers/acme/documents/{document.pk}/delete/")
    assert response.url == "/customers/acme/"
    assert not customer.documents.exists()
    wait_until(lambda: not Path(document.path).exists(), what="the file to be removed")


def test_changes_need_a_post(client: Client, customer: Any) -> None:
    url = hand_in(client, customer, text="x").url
    assert client.get(f"{url}cancel/").status_code == 405
    assert client.get("/customers/acme/report/").status_code == 405


def test_the_admin_shows_documents_and_lets_nobody_type_a_path(
    admin_client: Client, customer: Any
) -> None:
    hand_in(admin_client, customer, text="x", name="shown.txt")
    assert b"shown.txt" in admin_client.get("/admin/desk/document/").content
    assert admin_client.get("/admin/desk/document/add/").status_code == 403
