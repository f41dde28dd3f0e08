"""Forks wait for the imports of other threads: a child could never import the same."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.tasks import task_backends

from django_taskq import wait
from django_taskq.control import store_of
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.worker.pool import imports
from tests.aliases import with_options
from tests.app import tasks
from tests.deadlines import wait_until

SLOW = "taskq_imported_slowly"
SOURCE = """
import sys

from django_taskq import task

sys.taskq_is_imported.set()
assert sys.taskq_may_end.wait(60)


@task
def inside():
    return "imported"
"""


@pytest.fixture
def importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Another thread in the middle of an import, which ends once the event is set."""
    reached, may_end = threading.Event(), threading.Event()
    (tmp_path / f"{SLOW}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "taskq_is_imported", reached, raising=False)
    monkeypatch.setattr(sys, "taskq_may_end", may_end, raising=False)
    thread = threading.Thread(target=__import__, args=[SLOW])
    thread.start()
    assert reached.wait(30)
    yield may_end
    may_end.set()
    thread.join(30)
    sys.modules.pop(SLOW, None)


def test_the_imports_of_other_threads_are_known(importing: threading.Event) -> None:
    assert SLOW in imports.imported_elsewhere()
    importing.set()
    wait_until(lambda: SLOW not in imports.imported_elsewhere(), timeout=30, what="the import")


def test_an_import_that_does_not_end_is_not_waited_for_for_ever(importing: threading.Event) -> None:
    imports.let_imports_end(patience=0.01)
    assert not importing.is_set()


# Python warns of any fork beside other threads.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_can_import_what_its_parent_was_importing(
    importing: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = imports.imported_elsewhere

    def see_and_go_on() -> set[str]:
        found = look()
        importing.set()
        return found

    monkeypatch.setattr(imports, "imported_elsewhere", see_and_go_on)
    with with_options("processes", START_METHOD="fork"):
        tasks.echo.using(backend="processes").enqueue("the first one starts the pool")
        wait_until(importing.is_set, timeout=30, what="the fork to look for imports")
        spec = JobSpec(new_id(), f"{SLOW}.inside")
        store_of("processes").insert([spec])
        result = task_backends["processes"].get_result(spec.id)
        assert wait(result, timeout=30).return_value == "imported"
