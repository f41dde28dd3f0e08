"""Tasks that are hard to find: gone, foreign, imported early, in a small project."""

from typing import Any

import pytest
from django.conf import settings
from django.tasks import TaskResultStatus
from django.tasks.base import Task as DjangoTask
from django.test import override_settings

from django_taskq.backends.base import TaskqBackend
from django_taskq.control import get_job
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from tests.app import tasks
from tests.conformance.conftest import Drain, On
from tests.scripts import run_script


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("tests.app.gone.echo", "ModuleNotFoundError"),
        ("tests.app.tasks.gone", "ImportError"),
        ("tests.app.tasks.exception_of", "@task"),
        ("os.system", "@task"),
        ("", "ImportError"),
    ],
)
def test_a_job_whose_task_is_gone_fails_and_the_worker_goes_on(
    alias: str, backend: TaskqBackend, on: On, drain: Drain, path: str, told: str
) -> None:
    # A first job starts the thread pool, which `insert` by itself does not.
    on(tasks.nothing).enqueue()
    spec = JobSpec(new_id(), path, '["a"]')
    backend.store.insert([spec])
    after = on(tasks.echo).enqueue("after")
    drain()
    after.refresh()
    assert after.return_value == "after"
    gone = backend.get_result(spec.id)
    assert gone.status is TaskResultStatus.FAILED
    assert len(gone.errors) == 1
    assert told in gone.errors[0].traceback
    assert gone.task.module_path == path or not path
    assert gone.args == ["a"]
    assert get_job(spec.id, alias).failure == "unloadable"


@pytest.mark.parametrize("task", [tasks.foreign, tasks.plainly_decorated])
def test_a_task_of_django_itself_is_taken(on: On, drain: Drain, task: Any) -> None:
    result = on(task).using(priority=3).enqueue("foreign")
    drain()
    result.refresh()
    assert result.return_value == "foreign"
    assert result.task == on(task).using(priority=3)


def test_a_task_made_for_another_backend_is_taken(alias: str, drain: Drain) -> None:
    dummy = {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}
    with override_settings(TASKS={**settings.TASKS, "dummy": dummy}):
        made = DjangoTask(
            func=tasks.foreign.func,
            priority=0,
            backend="dummy",
            queue_name="default",
            run_after=None,
        )
        result = made.using(backend=alias).enqueue("foreign")
        assert type(result.task) is DjangoTask
        drain()
        result.refresh()
        assert result.return_value == "foreign"


def test_tasks_are_imported_before_the_apps_are_ready_and_run_without_contrib_apps(
    alias: str,
) -> None:
    ran = run_script(
        """
        import sys
        from tests import settings
        settings.INSTALLED_APPS = ["django_taskq"]
        settings.MIDDLEWARE = []
        alias = sys.argv[1]

        from django.apps import apps
        from tests.app import tasks
        echo = tasks.echo.using(backend=alias, priority=1, tenant="acme")
        assert not apps.ready

        import django
        django.setup()
        from django_taskq import wait
        from tests.running import run_due
        result = echo.enqueue("early")
        run_due(alias)
        result.refresh()
        assert "django.contrib.contenttypes.models" not in sys.modules
        assert "django.contrib.admin" not in sys.modules
        print(result.status, result.return_value)
        """,
        alias,
    )
    assert ran.output == "SUCCESSFUL early"


def test_a_result_outlives_its_task_in_the_code(backend: TaskqBackend) -> None:
    spec = JobSpec(new_id(), "tests.app.gone.echo", "[1]")
    backend.store.insert([spec])
    found = backend.get_result(spec.id)
    assert found.task.module_path == "tests.app.gone.echo"
    assert found.status is TaskResultStatus.READY
