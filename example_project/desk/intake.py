"""Hand documents in: their rows and the jobs that read them are stored together or not at all."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.tasks import TaskResult

from example_project.desk.models import Customer, Document
from example_project.desk.tasks import read_document

BATCH = 500


def submit(customer: Customer, documents: Sequence[Document]) -> list[TaskResult]:
    """Store new documents of a customer and enqueue a job for each, in one transaction."""
    with transaction.atomic():
        read = read_document.using(tenant=customer.slug)
        results = read.enqueue_many([((str(document.pk),), {}) for document in documents])
        for document, result in zip(documents, results, strict=True):
            document.job_id = UUID(result.id)
        Document.objects.bulk_create(documents, batch_size=BATCH)
    return results


def submit_upload(customer: Customer, name: str, content: UploadedFile | bytes) -> Document:
    """Keep an uploaded file or a pasted text and hand it in."""
    document = Document(customer=customer, name=name, is_uploaded=True)
    path = Path(settings.UPLOADS) / customer.slug / str(document.pk)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for chunk in [content] if isinstance(content, bytes) else content.chunks():
            file.write(chunk)
    document.path = str(path)
    submit(customer, [document])
    return document
