"""Schedules of other packages: what is taken over, what is not, and what is said of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import modify_settings

from django_taskq.models import Schedule
from tests.management.calls import call
from tests.scheduling.definitions import ECHO

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
FOREIGN = "tests.scheduling.foreign"


@contextmanager
def installed(package: str, label: str) -> Iterator[Any]:
    """Have the tables of another package for a while; gives a reader of its models."""
    with modify_settings(INSTALLED_APPS={"append": f"{FOREIGN}.{package}"}):
        models = list(apps.get_app_config(label).get_models())
        with connection.schema_editor() as editor:
            for model in models:
                editor.create_model(model)
        try:
            yield lambda name: apps.get_model(label, name).objects
        finally:
            with connection.schema_editor() as editor:
                for model in reversed(models):
                    editor.delete_model(model)


@pytest.fixture
def beat() -> Iterator[Any]:
    with installed("celery_beat", "django_celery_beat") as models:
        yield models


@pytest.fixture
def q() -> Iterator[Any]:
    with installed("q", "django_q") as models:
        yield models


@pytest.fixture
def scheduler() -> Iterator[Any]:
    with installed("scheduler", "scheduler") as models:
        yield models


def imported(origin: str, *words: str) -> dict[str, tuple[str, str | None]]:
    """Return by name what became of each schedule, and why."""
    with time_machine.travel(NOW, tick=False):
        called = call("schedule", "import", "--from", origin, "--format", "json", *words)
    assert called.status == 0, called.err
    return {each["name"]: (each["outcome"], each["why"]) for each in called.json}


def stored() -> dict[str, Schedule]:
    return {row.name: row for row in Schedule.objects.all()}


def test_periodic_tasks_of_celery_beat_are_taken_over(beat: Any) -> None:
    add = beat("PeriodicTask").create
    cron = beat("CrontabSchedule").create
    weekdays = cron(minute="30", hour="9, 17", day_of_week="mon-fri", timezone="Europe/Paris")
    add(name="cron", task=ECHO, crontab=weekdays, args="[1]", kwargs='{"deep": true}', queue="mail")
    hours = beat("IntervalSchedule").create(every=2, period="hours")
    add(name="interval", task=ECHO, interval=hours, enabled=False, priority=3)
    add(name="unknown", task="shop.tasks.gone", interval=hours)
    clocked = beat("ClockedSchedule").create(clocked_time=datetime(2026, 12, 24, 18, tzinfo=UTC))
    add(name="clocked", task=ECHO, clocked=clocked, one_off=True)
    add(name="sun", task=ECHO, solar=beat("SolarSchedule").create(event="sunrise"))
    add(name="both", task=ECHO, crontab=cron(day_of_month="13", day_of_week="fri"))
    add(name="own", task="celery.backend_cleanup", interval=hours)
    add(name="bad", task=ECHO, interval=hours, args="[")
    seen = imported("celery-beat", "--dry-run")
    assert not Schedule.objects.exists()
    done = imported("celery-beat")
    assert done == seen
    assert done["cron"] == ("imported", None)
    assert done["clocked"] == ("imported", None)
    assert done["interval"] == ("imported, switched off", "It is taken without its priority.")
    outcome, why = done["unknown"]
    assert (outcome, "expected the import path of a registered task" in str(why)) == (
        "imported, switched off", True,
    )  # fmt: skip
    for name, told in {
        "sun": "It follows the sun", "both": "on days that are both '13' of the month and 'fri'",
        "own": "is a part of Celery", "bad": "Its arguments are not JSON",
    }.items():  # fmt: skip
        assert (done[name][0], told in str(done[name][1])) == ("skipped", True), done[name]
    rows = stored()
    assert rows.keys() == {"cron", "interval", "unknown", "clocked"}
    row = rows["cron"]
    assert (row.expression, row.timezone) == ("30 9,17 * * mon-fri", "Europe/Paris")
    assert (row.args, row.kwargs, row.queue) == ("[1]", '{"deep":true}', "mail")
    assert (rows["interval"].every, rows["interval"].enabled) == (7200.0, False)
    assert (rows["unknown"].enabled, rows["unknown"].reason) == (False, why)
    assert rows["clocked"].next_at == datetime(2026, 12, 24, 18, tzinfo=UTC)


def test_what_was_taken_over_before_is_left_as_it_is(beat: Any) -> None:
    minutes = beat("IntervalSchedule").create(every=1, period="minutes")
    beat("PeriodicTask").create(name="a", task=ECHO, interval=minutes)
    imported("celery-beat")
    assert imported("celery-beat") == {"a": ("skipped", "A schedule has its name.")}


def test_schedules_of_django_q_are_taken_over(q: Any) -> None:
    add = q("Schedule").create
    monday = datetime(2026, 11, 30, 9, 15, tzinfo=UTC)
    kinds = {
        "D": "15 9 * * *", "W": "15 9 * * 1", "M": None, "Q": None, "C": "0 9 * * *", "X": None,
    }  # fmt: skip
    for kind in kinds:
        add(name=kind, func=ECHO, schedule_type=kind, next_run=monday, cron="0 9 * * *")
    add(name="Y", func=ECHO, schedule_type="Y", next_run=monday.replace(day=5, month=12))
    add(name="BM", func=ECHO, schedule_type="BM", next_run=monday.replace(day=5, month=12))
    add(name="BW", func=ECHO, schedule_type="BW", next_run=monday)
    add(name="H", func=ECHO, schedule_type="H", next_run=monday.replace(day=1))
    add(name="I", func=ECHO, schedule_type="I", minutes=5, next_run=monday, hook="shop.hook")
    add(func=ECHO, next_run=monday, args="1", kwargs="deep=True, who='me'")
    add(name="tuple", func=ECHO, next_run=monday, args="(1,)", kwargs="{'deep': 1}")
    add(name="over", func=ECHO, schedule_type="D", repeats=0)
    add(name="thrice", func=ECHO, schedule_type="D", repeats=3, next_run=monday)
    add(name="code", func=ECHO, next_run=monday, args="print(1)")
    add(name="function", func="os.getcwd", schedule_type="D", next_run=monday)
    add(name="late", func=ECHO, next_run=monday.replace(month=1))
    done = imported("django-q")
    rows = stored()
    for kind, expression in kinds.items():
        assert (rows[kind].expression if kind in rows else None) == expression
    assert (rows["Y"].expression, rows["BM"].expression) == (
        "15 9 5 12 *", "15 9 5 2,4,6,8,10,12 *",
    )  # fmt: skip
    assert (rows["BW"].every, rows["BW"].next_at) == (14 * 86_400.0, monday)
    assert rows["H"].next_at == NOW.replace(minute=15)
    assert done["I"] == ("imported", "It is taken without its hook.")
    (unnamed,) = (row for name, row in rows.items() if name.startswith("django-q-"))
    assert (unnamed.args, unnamed.kwargs) == ("[1]", '{"deep":true,"who":"me"}')
    assert (rows["tuple"].args, rows["tuple"].kwargs) == ("[1]", '{"deep":1}')
    assert done["function"][0] == "imported, switched off"
    skipped = {name for name, (outcome, _) in done.items() if outcome == "skipped"}
    assert skipped == {"M", "Q", "X", "over", "thrice", "code", "late"}
    assert "which some months lack" in str(done["M"][1])


def test_tasks_of_django_tasks_scheduler_are_taken_over(scheduler: Any) -> None:
    add = scheduler("Task").create
    cron = add(
        name="cron", task_type="CronTaskType", callable=ECHO, queue="mail", cron_string="0 9 * * *",
        timeout=30,
    )  # fmt: skip
    kind = ContentType.objects.get_for_model(type(cron))
    for arg_type, val in (("int", "1"), ("str", "a"), ("bool", "True")):
        where = {"content_type": kind, "object_id": cron.pk, "arg_type": arg_type, "val": val}
        if arg_type == "int":
            scheduler("TaskArg").create(**where)
        else:
            scheduler("TaskKwarg").create(key=arg_type, **where)
    soon = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    every = {"task_type": "RepeatableTaskType", "interval": 2, "interval_unit": "hours"}
    add(name="every", callable=ECHO, queue="q", scheduled_time=soon, **every)
    add(name="twice", callable=ECHO, queue="q", scheduled_time=soon, repeat=2, **every)
    add(name="once", callable=ECHO, queue="q", scheduled_time=soon, enabled=False)
    dated = add(name="dated", callable=ECHO, queue="q", scheduled_time=soon)
    scheduler("TaskArg").create(
        content_type=kind, object_id=dated.pk, arg_type="datetime", val="2026-01-01"
    )
    done = imported("django-tasks-scheduler")
    rows = stored()
    assert rows.keys() == {"cron", "every", "once"}
    row = rows["cron"]
    assert (row.expression, row.timezone, row.queue) == ("0 9 * * *", "UTC", "mail")
    assert (row.args, row.kwargs, row.options) == (
        "[1]",
        '{"str":"a","bool":true}',
        '{"timeout":30}',
    )
    assert (rows["every"].every, rows["every"].next_at) == (7200.0, soon)
    assert (rows["once"].at, rows["once"].enabled) == (soon, False)
    assert "the type 'datetime', which JSON has not" in str(done["dated"][1])
    assert "It runs 2 times more" in str(done["twice"][1])


@pytest.mark.parametrize(
    ("origin", "package"),
    [
        ("celery-beat", "django-celery-beat"),
        ("django-q", "django-q or django-q2"),
        ("django-tasks-scheduler", "django-tasks-scheduler"),
    ],
)
def test_a_package_that_is_not_installed_is_named(origin: str, package: str) -> None:
    called = call("schedule", "import", "--from", origin)
    assert called.status == 2
    assert called.err.startswith(f"--from: expected {package} among INSTALLED_APPS")
