"""What the desk does with documents, as tasks."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from django_taskq import JobContext, RejectError, RetryError, task
from example_project.desk.models import Customer, Document
from example_project.desk.reading import (
    LARGE,
    UnreadableDocument,
    UnsettledDocument,
    decode,
    examine,
    read_bytes,
)
from example_project.desk.summary import portions, sentence, top_words, word_counts


@task(queue_name="documents", max_tries=5, backoff=[1, 2, 4, 8])
def read_document(document_id: str) -> dict[str, Any]:
    """Count, hash and summarise one document.

    A file that is still being copied is tried again; one that can never be read is rejected,
    so that no further tries are spent on it.
    """
    document = _document(document_id)
    try:
        facts, text = examine(document.name, read_bytes(Path(document.path)))
    except UnsettledDocument as error:
        raise RetryError(reason=str(error)) from error
    except UnreadableDocument as error:
        raise RejectError(str(error)) from error
    is_large = facts.size > LARGE
    summary = "" if is_large else sentence(top_words(word_counts(text)))
    _save(document_id, **asdict(facts), summary=summary, read_at=timezone.now())
    if is_large:
        # Belongs to the same tenant as this job, without saying so.
        summarise_document.enqueue(document_id)
    return {"lines": facts.lines, "words": facts.words}


@task(queue_name="summaries", priority=-10, takes_context=True)
def summarise_document(context: JobContext, document_id: str) -> str:
    """Find the words that a large document uses most, a portion at a time."""
    document = _document(document_id)
    try:
        text = decode(read_bytes(Path(document.path)))
    except (UnreadableDocument, UnsettledDocument) as error:
        raise RejectError(str(error)) from error
    counts: Counter[str] = Counter()
    for done, portion in portions(text):
        _give_way(context)
        counts.update(word_counts(portion))
        context.progress(done, document.lines, "counting words")
    summary = sentence(top_words(counts))
    _save(document_id, summary=summary)
    return summary


@task(takes_context=True)
def write_report(context: JobContext, customer_slug: str) -> dict[str, Any]:
    """Read everything a customer has handed in once more and add it all up."""
    customer = Customer.objects.get(slug=customer_slug)
    documents = list(customer.documents.filter(read_at__isnull=False))
    counts: Counter[str] = Counter()
    missing = 0
    for done, document in enumerate(documents, start=1):
        _give_way(context)
        try:
            counts.update(word_counts(decode(read_bytes(Path(document.path)))))
        except (UnreadableDocument, UnsettledDocument):
            missing += 1
        context.progress(done, len(documents), document.name)
    return {
        "documents": len(documents) - missing,
        "missing": missing,
        "words": sum(document.words or 0 for document in documents),
        "top": sentence(top_words(counts, 12)),
    }


@task
def write_reports() -> int:
    """Have the report of each customer written, on its behalf; return how many."""
    slugs = Customer.objects.values_list("slug", flat=True)
    return len(write_report.enqueue_many(write_report.s(slug).using(tenant=slug) for slug in slugs))


@task(backend="fast")
def remove_upload(path: str) -> None:
    """Remove the file of a deleted document, if it lies where uploads do."""
    file = Path(path).resolve()
    if file.is_relative_to(Path(settings.UPLOADS).resolve()):
        file.unlink(missing_ok=True)


def _document(document_id: str) -> Document:
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        raise RejectError("The document was deleted.")
    return document


def _save(document_id: str, **facts: Any) -> None:
    if not Document.objects.filter(pk=document_id).update(**facts):
        raise RejectError("The document was deleted while it was read.")


def _give_way(context: JobContext) -> None:
    """End here when the job was canceled; when its worker stops, another one starts over."""
    if context.should_stop:
        raise RetryError(delay=0, reason="The job was asked to stop.")
