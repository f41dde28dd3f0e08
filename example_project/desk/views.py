"""Pages of the desk: fetch and render."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.tasks import TaskResult
from django.tasks.exceptions import TaskResultDoesNotExist
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

import django_taskq
from django_taskq.jobs.record import JobRecord
from example_project.desk.events import describe, follow
from example_project.desk.forms import DocumentForm
from example_project.desk.intake import submit_upload
from example_project.desk.models import Customer, Document
from example_project.desk.tasks import read_document, remove_upload, write_report

RECENT = 25


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first customer's desk."""
    customer = Customer.objects.first()
    if customer is None:
        return render(request, "desk/closed.html", status=404)
    return redirect(customer)


@never_cache
@require_http_methods(["GET", "POST"])
def desk(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a document in; show the recent ones and their state."""
    customer = get_object_or_404(Customer, slug=slug)
    is_sent = request.method == "POST"
    form = DocumentForm(request.POST, request.FILES) if is_sent else DocumentForm()
    if form.is_valid():
        taken = submit_upload(customer, form.document_name, form.content)
        return redirect("job", customer.slug, taken.job_id)
    context = {
        "customer": customer,
        "customers": Customer.objects.all(),
        "form": form,
        "documents": customer.documents.with_jobs()[:RECENT],
        "count": customer.documents.count(),
    }
    return render(request, "desk/desk.html", context, status=400 if form.errors else 200)


@require_POST
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """Enqueue a report over everything a customer has handed in."""
    customer = get_object_or_404(Customer, slug=slug)
    result = write_report.using(tenant=customer.slug).enqueue(customer.slug)
    return redirect("job", customer.slug, UUID(result.id))


@never_cache
@require_GET
def document(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Show what was found in a document."""
    customer = get_object_or_404(Customer, slug=slug)
    found = get_object_or_404(customer.documents.with_jobs(), pk=pk)
    context = {"customer": customer, "customers": Customer.objects.all(), "document": found}
    return render(request, "desk/document.html", context)


@require_POST
def delete(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Delete a document, and the file of one that was uploaded."""
    found = get_object_or_404(Document, customer__slug=slug, pk=pk)
    found.delete()
    if found.is_uploaded:
        remove_upload.enqueue(found.path)
    messages.success(request, f"{found.name} was deleted.")
    return redirect("desk", slug)


@never_cache
@require_GET
def job(request: HttpRequest, slug: str, job_id: UUID) -> HttpResponse:
    """Show how far a job is; the page follows it by server-sent events where it can."""
    customer = get_object_or_404(Customer, slug=slug)
    record = _job_or_404(customer, job_id)
    context = {
        "customer": customer,
        "customers": Customer.objects.all(),
        "job": record,
        "now": describe(record),
        "result": _result_or_404(job_id),
        "document": customer.documents.filter(job_id=job_id).first(),
    }
    return render(request, "desk/job.html", context)


@never_cache
@require_GET
def events(request: HttpRequest, slug: str, job_id: UUID) -> StreamingHttpResponse:
    """Stream the progress of a job.

    A sync iterator, which streams under WSGI and runserver: each reader holds one thread.
    """
    _job_or_404(get_object_or_404(Customer, slug=slug), job_id)
    return StreamingHttpResponse(
        follow(_result_or_404(job_id)),
        content_type="text/event-stream",
        # Buffering proxies would hold the events back.
        headers={"X-Accel-Buffering": "no"},
    )


@require_POST
def cancel(request: HttpRequest, slug: str, job_id: UUID) -> HttpResponse:
    """Cancel a job, or ask a running one to stop."""
    customer = get_object_or_404(Customer, slug=slug)
    record = _job_or_404(customer, job_id)
    if not django_taskq.cancel(record.id):
        messages.info(request, "The job had ended already.")
    return redirect("job", customer.slug, job_id)


def _job_or_404(customer: Customer, job_id: UUID) -> JobRecord:
    try:
        record = django_taskq.get_job(str(job_id))
    except TaskResultDoesNotExist as error:
        raise Http404("There is no such job.") from error
    # The job of another customer is nobody's business here.
    if record.tenant != customer.slug:
        raise Http404("There is no such job.")
    return record


def _result_or_404(job_id: UUID) -> TaskResult:
    try:
        return read_document.get_backend().get_result(str(job_id))
    except TaskResultDoesNotExist as error:
        raise Http404("There is no such job.") from error
