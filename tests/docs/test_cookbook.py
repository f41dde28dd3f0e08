"""The middlewares of the guide, written into a project as they stand there, do what it says."""

from pathlib import Path

import pytest

from tests.docs.pages import page
from tests.docs.project import Project
from tests.docs.test_snippets import python_of, settings_of

MODELS = """
from django.db import models

class Flag(models.Model):
    name = models.TextField()
    is_on = models.BooleanField()
"""
TASKS = """
from django.core.exceptions import ValidationError

@task(flag="reports", max_tries=1)
def report() -> str:
    return "reported"

@task(middleware=["shop.middleware.TenantDatabase"], warn_after=0.0)
def database_of_tenant() -> str:
    from shop.models import Flag
    return Flag.objects.all().db

@task(middleware=["shop.middleware.OnlyWhatMayPass"], max_tries=3, backoff=0)
def fail(kind: str) -> None:
    raise {"value": ValueError, "validation": ValidationError}[kind]("no")
"""
ENQUEUE = """
from datetime import timedelta
from django.utils import timezone
from django_taskq.models import Job
from shop import tasks
fresh, old = tasks.report.enqueue(), tasks.report.enqueue()
earlier = timezone.now() - timedelta(days=2)
Job.objects.filter(public_id=old.id).update(enqueued_at=earlier)
made = [
    fresh, old,
    tasks.close_month.enqueue("2026-11"),
    tasks.database_of_tenant.using(tenant="acme").enqueue(),
    tasks.database_of_tenant.enqueue(),
    tasks.fail.enqueue("value"),
    tasks.fail.enqueue("validation"),
]
print(*(result.id for result in made))
"""
LOOK = """
from django_taskq import get_job
for id in {ids!r}:
    job = get_job(id)
    print(job.state, job.failure, job.tries, job.result)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with the middlewares, the settings and the task of the page."""
    made = Project(tmp_path)
    blocks = python_of(page("middleware"))
    made.add_settings(settings_of(python_of(page("quickstart")), "DatabaseBackend"))
    made.add_settings("\n".join(block for block in blocks if block.startswith(("TASKQ", "DATAB"))))
    made.add_settings(
        'INSTALLED_APPS += [] if "shop" in INSTALLED_APPS else ["shop"]\n'
        'DATABASES["tenant_acme"] = {**DATABASES["default"], "NAME": BASE_DIR / "acme.sqlite3"}'
    )
    middlewares = [block for block in blocks if "(Middleware)" in block or "(MaxTries)" in block]
    assert len(middlewares) == 4
    made.write("shop/middleware.py", "\n".join(middlewares))
    made.write("shop/models.py", MODELS)
    (task,) = [block for block in blocks if "@task" in block]
    made.write("shop/tasks.py", f"{task}\n{TASKS}")
    made.manage("migrate", "--run-syncdb")
    return made


def test_the_cookbook_does_what_it_says(project: Project) -> None:
    assert "no issues" in project.manage("check")
    ids = project.shell(ENQUEUE).splitlines()[-1].split()
    said = project.manage("runworker", "--burst")
    assert "database_of_tenant took 0.0 s, job " in said
    assert "close_month took" not in said
    assert project.shell(LOOK.format(ids=ids)).splitlines()[-len(ids) :] == [
        "SCHEDULED None 0 None",
        "FAILED rejected 1 None",
        "SUCCESSFUL None 1 null",
        'SUCCESSFUL None 1 "tenant_acme"',
        'SUCCESSFUL None 1 "default"',
        "FAILED error 3 None",
        "FAILED error 1 None",
    ]
    switch_on = "from shop.models import Flag; Flag.objects.create(name='reports', is_on=True)\n"
    enqueue = "from shop import tasks; print(tasks.report.enqueue().id)"
    id = project.shell(switch_on + enqueue).splitlines()[-1]
    project.manage("runworker", "--burst")
    look = project.shell(LOOK.format(ids=[id]))
    assert look.splitlines()[-1] == 'SUCCESSFUL None 1 "reported"'
