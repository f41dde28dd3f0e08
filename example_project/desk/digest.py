"""A digest of what a customer has handed in: a pipeline with a step for each document."""

from collections import Counter
from pathlib import Path
from typing import Any

from django_taskq import Pipeline, RejectError, task
from example_project.desk.models import Customer, Document
from example_project.desk.reading import (
    UnreadableDocument,
    UnsettledDocument,
    decode,
    read_bytes,
)
from example_project.desk.summary import sentence, top_words, word_counts

# How many documents a digest looks at, and how many words of each.
MOST_DOCUMENTS = 50
MOST_WORDS = 100
# After the reading of the documents themselves.
PRIORITY = -20


def digest_of(slug: str, most: int = MOST_DOCUMENTS) -> Pipeline:
    """Return the pipeline that makes the digest of a customer."""
    return pick_documents.s(slug, most) >> count_words.map(max_running=4) >> write_digest.s(slug)


@task(queue_name="summaries", priority=PRIORITY)
def pick_documents(slug: str, most: int) -> list[str]:
    """Return the ids of the documents to look at."""
    documents = Customer.objects.get(slug=slug).documents.order_by("name", "pk")
    return [str(pk) for pk in documents.values_list("pk", flat=True)[:most]]


@task(queue_name="summaries", priority=PRIORITY, max_tries=2, backoff=1)
def count_words(document_id: str) -> dict[str, int]:
    """Count the words of a document; one that cannot be read is rejected."""
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        raise RejectError("The document was deleted.")
    try:
        text = decode(read_bytes(Path(document.path)))
    except (UnreadableDocument, UnsettledDocument) as error:
        raise RejectError(str(error)) from error
    return dict(top_words(word_counts(text), MOST_WORDS))


@task(queue_name="summaries", priority=PRIORITY, trigger_rule="all_done")
def write_digest(counted: list[dict[str, int] | None], slug: str) -> dict[str, Any]:
    """Add up what was counted; what could not be read is None in there."""
    counts: Counter[str] = Counter()
    for words in counted:
        counts.update(words or {})
    return {
        "customer": slug,
        "documents": len(counted),
        "missing": counted.count(None),
        "top": sentence(top_words(counts, 12)),
    }
