"""The fixtures taskq and taskq_inline, in a project of their own, and what loading them costs."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

SETTINGS = """
SECRET_KEY = "only for tests"
USE_TZ = True
INSTALLED_APPS = ["django_taskq"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "real.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {
    "default": {"BACKEND": "django_taskq.backends.DatabaseBackend"},
    "fast": {"BACKEND": "django_taskq.backends.ThreadPoolBackend"},
}
"""

TESTS = """
from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from django.db import connection

from django_taskq import task, testing


@task
def double(number):
    return 2 * number


@pytest.mark.parametrize("alias", ["default", "fast"])
def test_jobs_wait_for_the_test(taskq, alias):
    assert isinstance(taskq, testing.Taskq)
    doubled = double.using(backend=alias)
    doubled.enqueue(2)
    taskq.assert_enqueued(doubled, args=[2])
    assert [result.return_value for result in taskq.run_jobs(alias)] == [4]
    taskq.assert_not_enqueued(doubled)


@pytest.mark.parametrize("alias", ["default", "fast"])
def test_nothing_is_left_of_the_test_before(taskq, alias):
    assert taskq.results(backend=alias) == []


def test_the_real_database_is_left_alone(taskq):
    assert connection.settings_dict["NAME"] != "real.sqlite3"


def test_stores_follow_time_machine(taskq):
    with time_machine.travel(datetime(2031, 1, 1, tzinfo=timezone.utc), tick=False) as traveller:
        double.using(run_after=timedelta(days=1)).enqueue(2)
        assert taskq.run_jobs() == []
        traveller.shift(timedelta(days=1))
        assert len(taskq.run_jobs()) == 1


def test_without_a_fixture_pools_run_by_themselves():
    with pytest.raises(Exception, match="runs its jobs by itself"):
        testing.run_jobs("fast")
"""


WITH_A_CHOICE = """
import pytest
from django.test import TestCase

from test_shop import double


@pytest.mark.django_db(transaction=True)
def test_a_test_may_choose_its_database_itself(taskq_inline):
    assert double.enqueue(3).return_value == 6
    assert double.using(backend="fast").enqueue(3).return_value == 6


@pytest.mark.usefixtures("taskq_inline")
class InlineTests(TestCase):
    def test_a_test_case_uses_it(self):
        self.assertEqual(double.enqueue(4).return_value, 8)
"""


@pytest.mark.parametrize("more", [{}, {"test_choice": WITH_A_CHOICE}], ids=["plain", "choice"])
def test_the_fixtures_work_in_a_project(pytester: pytest.Pytester, more: dict[str, str]) -> None:
    pytester.makepyfile(shop_settings=SETTINGS, test_shop=TESTS, **more)
    result = pytester.runpytest_subprocess("--ds=shop_settings", "-p", "no:xdist", timeout=60)
    result.assert_outcomes(passed=9 if more else 7)
    assert not (pytester.path / "real.sqlite3").exists()


def test_loading_the_plugin_imports_nothing_of_django() -> None:
    source = "import sys, django_taskq.pytest_plugin as p; print('django' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


def test_pytest_finds_the_plugin_by_itself() -> None:
    (found,) = entry_points(group="pytest11", name="taskq")
    assert found.value == "django_taskq.pytest_plugin"
