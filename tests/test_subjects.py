"""What a job is about: the name of an object in its metadata, and its column."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User

from django_taskq import about, control
from django_taskq.jobs.subjects import subject_of
from tests.admin.pages import rows
from tests.app import tasks
from tests.each_database import on_each_database
from tests.running import run_due


def test_an_object_is_named_by_its_model_and_key() -> None:
    assert about(User(pk=5)) == "auth.user:5"


def test_an_object_that_cannot_be_named_is_refused() -> None:
    with pytest.raises(ValueError, match="which has no key yet"):
        about(User())
    meta = SimpleNamespace(label_lower="app.thing")
    with pytest.raises(ValueError, match="at most 200 characters with the name of its model"):
        about(SimpleNamespace(pk="x" * 200, _meta=meta))


@pytest.mark.parametrize(
    ("metadata", "subject"),
    [
        (None, None),
        ("{}", None),
        ('{"about":"auth.user:5","n":1}', "auth.user:5"),
        ('{"about":5}', None),
        ('{"about":""}', None),
        ('{"about":"%s"}' % ("x" * 201), None),
        ('{"about":"a\\u0000"}', None),
        ('["about"]', None),
        ('{"about":', None),
    ],
)  # fmt: skip
def test_metadata_name_an_object_or_not(metadata: str | None, subject: str | None) -> None:
    assert subject_of(metadata) == subject


@on_each_database
def test_a_stored_job_says_what_it_is_about_from_its_enqueue_to_its_copy(alias: str) -> None:
    plain = tasks.echo.using(backend=alias).enqueue(0)
    on = tasks.echo.using(backend=alias, metadata={"about": "auth.user:5"})
    first, *more = on.enqueue(1), *on.enqueue_many([((2,), {}), ((3,), {})])
    named = on.using(task_id="nightly").enqueue(4)
    run_due(alias)
    copy = control.requeue(first)
    known = dict(rows(alias).values_list("public_id", "about"))
    found = {str(id) for id, subject in known.items() if subject == "auth.user:5"}
    assert found == {first.id, *(job.id for job in more), named.id, copy.id}
    assert plain.id in {str(id) for id, subject in known.items() if subject is None}


@on_each_database
def test_a_job_that_is_replaced_is_about_what_the_last_call_says(alias: str) -> None:
    on = tasks.echo.using(backend=alias, task_id="nightly", on_duplicate="replace")
    on.using(metadata={"about": "auth.user:5"}).enqueue(1)
    on.using(metadata={"about": "auth.user:6"}).enqueue(2)
    assert list(rows(alias).values_list("about", flat=True)) == ["auth.user:6"]
