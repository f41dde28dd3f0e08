from pathlib import Path
from typing import Any

import pytest

from django_taskq.testing import run_jobs


@pytest.fixture
def make_document(customer: Any, tmp_path: Path) -> Any:
    from example_project.desk.models import Document

    def make(name: str, content: bytes) -> Document:
        path = tmp_path / name
        path.write_bytes(content)
        return Document.objects.create(customer=customer, name=name, path=str(path))

    return make


def test_a_digest_counts_each_document_and_adds_up_what_can_be_read(
    make_document: Any, customer: Any
) -> None:
    from example_project.desk.digest import digest_of

    for name in ("a.txt", "b.txt", "gone.txt"):
        document = make_document(name, b"queue worker queue")
    Path(document.path).unlink()
    run = digest_of(customer.slug).enqueue(tenant=customer.slug)
    run_jobs()
    run.refresh()
    assert run.results["write_digest"].return_value == {
        "customer": customer.slug,
        "documents": 3,
        "missing": 1,
        "top": "queue (4), worker (2)",
    }
    assert run.results["count_words[2]"].status == "FAILED"
    assert len(run.graph().nodes) == 3
