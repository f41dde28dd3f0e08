from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from django_taskq import RejectError, RetryError
from django_taskq.jobs.states import State
from django_taskq.models import Job


class FakeContext(SimpleNamespace):
    """Keeps what a task says of its progress."""

    def __init__(self, *, should_stop: bool = False) -> None:
        super().__init__(should_stop=should_stop, told=[])

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.told.append((done, total))


@pytest.fixture
def make_document(customer: Any, tmp_path: Path) -> Any:
    from example_project.desk.models import Document

    def make(name: str, content: bytes) -> Document:
        path = tmp_path / name
        path.write_bytes(content)
        return Document.objects.create(customer=customer, name=name, path=str(path))

    return make


def test_stores_the_facts_of_a_document(make_document: Any) -> None:
    from example_project.desk.tasks import read_document

    document = make_document("a.py", b"def queue():\n    return 'queue'\n")
    assert read_document.call(str(document.pk)) == {"lines": 2, "words": 4}
    document.refresh_from_db()
    assert (document.kind, document.functions, document.summary) == ("Python", 1, "queue (2)")
    assert document.read_at is not None


def test_rejects_a_binary_file(make_document: Any) -> None:
    from example_project.desk.tasks import read_document

    document = make_document("a.png", b"\0")
    with pytest.raises(RejectError, match="binary"):
        read_document.call(str(document.pk))


def test_asks_for_another_try_while_a_file_is_still_written(
    make_document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from example_project.desk import tasks
    from example_project.desk.reading import UnsettledDocument

    def changing(path: Path) -> bytes:
        raise UnsettledDocument("The file changed while it was read.")

    monkeypatch.setattr(tasks, "read_bytes", changing)
    with pytest.raises(RetryError, match="changed"):
        tasks.read_document.call(str(make_document("a.txt", b"").pk))


def test_leaves_a_large_document_to_a_job_of_its_own(make_document: Any) -> None:
    from example_project.desk.tasks import LARGE, read_document, summarise_document

    document = make_document("large.txt", b"several words\n" * LARGE)
    read_document.call(str(document.pk))
    document.refresh_from_db()
    assert document.awaits_summary
    job = Job.objects.get()
    assert (job.task, job.queue, job.state) == (
        summarise_document.module_path,
        "summaries",
        State.READY,
    )
    context = FakeContext()
    summarise_document.call(context, str(document.pk))
    assert context.told[-1] == (LARGE, LARGE)
    document.refresh_from_db()
    assert not document.awaits_summary
    assert document.summary == f"several ({LARGE}), words ({LARGE})"


def test_a_deleted_document_is_rejected(make_document: Any) -> None:
    from example_project.desk.tasks import read_document

    document = make_document("a.txt", b"")
    id = str(document.pk)
    document.delete()
    with pytest.raises(RejectError, match="deleted"):
        read_document.call(id)


def test_a_report_adds_up_what_can_be_read(make_document: Any, customer: Any) -> None:
    from example_project.desk.tasks import read_document, write_report

    for name in ("a.txt", "b.txt", "gone.txt"):
        document = make_document(name, b"queue worker queue")
        read_document.call(str(document.pk))
    Path(document.path).unlink()
    context = FakeContext()
    report = write_report.call(context, customer.slug)
    assert report == {
        "documents": 2,
        "missing": 1,
        "words": 9,
        "top": "queue (4), worker (2)",
    }
    assert context.told == [(1, 3), (2, 3), (3, 3)]


def test_a_report_ends_when_it_is_asked_to(make_document: Any, customer: Any) -> None:
    from example_project.desk.tasks import read_document, write_report

    read_document.call(str(make_document("a.txt", b"").pk))
    with pytest.raises(RetryError, match="asked to stop"):
        write_report.call(FakeContext(should_stop=True), customer.slug)


def test_removes_only_what_lies_among_the_uploads(desk: Path, tmp_path: Path) -> None:
    from example_project.desk.tasks import remove_upload

    inside, outside = desk / "a", tmp_path / "b"
    for path in (inside, outside):
        path.touch()
        remove_upload.call(str(path))
    remove_upload.call(str(desk / "never-there"))
    assert not inside.exists()
    assert outside.exists()


def test_reports_are_written_on_behalf_of_each_customer(customer: Any) -> None:
    from example_project.desk.schedules import weekly
    from example_project.desk.tasks import write_reports

    assert weekly.definition().task == write_reports.module_path
    assert write_reports.call() == 1
    job = Job.objects.get()
    assert (job.task, job.tenant) == ("example_project.desk.tasks.write_report", "acme")
