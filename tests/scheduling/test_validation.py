"""What is refused of a schedule, with which sentence, and that nothing else is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.validation import find_faults, settle
from tests.scheduling.definitions import definition

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


BEFORE = NOW - timedelta(days=1)
NOTHING = "tests.app.tasks.nothing"


def faults_of(**given: Any) -> list[tuple[str, str]]:
    return [tuple(fault) for fault in find_faults(definition(**given), NOW)]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"expression": "0 9 * * mon-fri", "timezone": "Europe/Paris"},
        {"expression": "@daily", "timezone": None},
        {"expression": "H H * * *"},
        {"every": 30.0},
        {"at": datetime(2026, 12, 24, 18, 0)},  # noqa: DTZ001  local, in the schedule's zone
        {"args": [1], "kwargs": {"deep": True}},
        {"args": (), "kwargs": {}},
        {"catchup": "none"},
        {"catchup": "all:36"},
        {"overlap": "queue", "jitter": 5},
        {"backend": "postgresql", "queue": "emails", "tenant": "acme", "priority": -100},
        {"options": {"max_tries": 3, "backoff": [1, 2], "timeout": timedelta(seconds=5)}},
        {"start_at": NOW, "end_at": NOW + timedelta(days=1)},
    ],
)
def test_what_can_run_has_no_fault(given: dict[str, Any]) -> None:
    assert faults_of(**given) == []


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ({"name": ""}, "name", "name: expected a name, got ''."),
        ({"name": "a\x07"}, "name", "name: expected printable characters only"),
        ({"name": "x" * 201}, "name", "name: expected text of at most 200 characters"),
        ({"expression": "0 9 30 2 *"}, "expression", "never"),
        ({"expression": "99 * * * *"}, "expression", "99"),
        ({"expression": "* * * * *" + " " * 200}, "expression", "at most 200 characters"),
        ({"expression": "@daily", "every": 5.0}, "expression", "got expression and every."),
        ({"every": 0.5}, "every", "every: expected from 1 second"),
        ({"at": NOW}, "at", "at: expected a time to come, got 2026-11-28T12:00:00+00:00."),
        ({"timezone": "Europe/Pariss"}, "timezone", "did you mean Europe/Paris?"),
        (
            {"start_at": NOW, "end_at": NOW - timedelta(days=1)},
            "end_at",
            "end_at: expected a time after start_at",
        ),
        ({"end_at": NOW}, "expression", "expected a schedule that is due again before its end"),
        ({"task": "tests.app.tasks.exception_of"}, "task", "decorated with @task"),
        ({"task": "no.such.thing"}, "task", "task: expected the import path of a registered task"),
        ({"args": [1, 2]}, "args", "takes: too many positional arguments."),
        (
            {"task": "tests.app.tasks.nothing", "kwargs": {"a": 1}},
            "args",
            "args: expected what noth",
        ),
        ({"args": "1"}, "args", "args: expected a list, got '1'."),
        ({"args": [object()]}, "args", "args: Unsupported type at args"),
        ({"kwargs": [1]}, "kwargs", "kwargs: expected a dict, got [1]."),
        ({"kwargs": {"a": {1: 2}}}, "kwargs", "kwargs: Expected text as a dict key"),
        ({"backend": "nowhere"}, "backend", "backend: expected one of default, "),
        ({"backend": "threads"}, "backend", "OPTIONS['SCHEDULER'] of TASKS['threads'] to True"),
        ({"queue": ""}, "queue", "queue"),
        ({"tenant": "x" * 129}, "tenant", "tenant: expected text of at most 128 characters"),
        ({"priority": 101}, "priority", "priority"),
        ({"options": {"max_trys": 3}}, "options", "Did you mean max_tries?"),
        ({"options": {"max_tries": 0}}, "options", "options: max_tries: expected"),
        ({"options": {"metadata": 5}}, "options", "metadata: expected a dict"),
        ({"options": {"queue_name": "a"}}, "options", "got 'queue_name'. Use queue of"),
        ({"options": {"task_id": "a"}}, "options", "got 'task_id'. Use overlap of"),
        ({"catchup": "all:0"}, "catchup", "catchup: expected none, last, all or all:N"),
        ({"catchup": "last:5"}, "catchup", "got 'last:5'."),
        ({"overlap": "wait"}, "overlap", "overlap: expected one of allow, skip, cancel, queue"),
        ({"jitter": -1}, "jitter", "jitter: expected seconds from 0 to 86400, got -1."),
    ],
)
def test_each_fault_is_told_with_its_field_and_what_is_allowed(
    given: dict[str, Any], field: str, told: str
) -> None:
    ((where, sentence),) = faults_of(**given)
    assert (where, told in sentence) == (field, True), sentence
    with pytest.raises(InvalidSchedule) as caught:
        settle(definition(**given), NOW)
    assert (str(caught.value), caught.value.option) == (sentence, field)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    fields = [field for field, _ in faults_of(name="", every=0.5, task="a.b", jitter=-1)]
    assert fields == ["name", "every", "task", "jitter"]


def test_a_pool_that_was_told_to_tick_is_taken() -> None:
    entry = {"BACKEND": "django_taskq.backends.ThreadPoolBackend", "QUEUES": []}
    with override_settings(TASKS={"default": {**entry, "OPTIONS": {"SCHEDULER": True}}}):
        assert faults_of() == []
    with override_settings(TASKS={"default": entry}):
        ((field, told),) = faults_of()
    assert (field, "an alias with durable jobs" in told) == ("backend", True)


def test_a_context_is_no_argument_that_a_schedule_gives() -> None:
    context_task = "tests.app.tasks.ask_again"
    assert faults_of(task=context_task, args=[1]) == []
    ((_, told),) = faults_of(task=context_task)
    assert "missing a required argument: 'times'" in told


def test_columns_have_aware_times_the_tasks_backend_and_json() -> None:
    settled = settle(
        definition(
            timezone="Europe/Paris",
            start_at=datetime(2026, 12, 1, 9, 0),  # noqa: DTZ001  local, in the schedule's zone
            options={"timeout": timedelta(seconds=5), "metadata": {"kind": "daily"}},
            catchup="all:3",
        ),
        NOW,
    )
    assert settled.columns["start_at"] == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert settled.columns["options"] == '{"timeout":5.0,"metadata":{"kind":"daily"}}'
    assert (settled.columns["catchup"], settled.columns["catchup_limit"]) == ("all", 3)
    assert (settled.columns["backend"], settled.columns["args"]) == ("default", "[]")
    assert settled.next_at == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
