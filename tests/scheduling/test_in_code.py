"""Schedules in code: which are found, what is wrong with them, and what becomes of their rows."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from django_taskq.checks import check_project, check_schedules
from django_taskq.control import database_of, get_job
from django_taskq.exceptions import InvalidSchedule
from django_taskq.models import Schedule, Tick
from django_taskq.schedules import at, cron, every
from django_taskq.scheduling import edits
from django_taskq.scheduling.columns import definition_of
from django_taskq.scheduling.in_code import find_in_code
from django_taskq.scheduling.synchronising import sync_schedules
from tests.app import tasks
from tests.deadlines import wait_until
from tests.each_database import on_all_databases, on_each_database
from tests.running import running
from tests.scheduling import changing
from tests.scheduling.definitions import ECHO, added
from tests.stores.jobs import Thread

KEPT = "tests.scheduling.kept"
CHANGING = "tests.scheduling.changing.schedules"


def in_code(*paths: Any) -> override_settings:
    return override_settings(TASKQ={"SCHEDULES": list(paths)})


@pytest.fixture
def code() -> Iterator[list[Any]]:
    """The list of schedules that the settings lead to."""
    changing.schedules.clear()
    with in_code(CHANGING):
        yield changing.schedules
    changing.schedules.clear()


def checked(*paths: Any) -> list[CheckMessage]:
    with in_code(*paths):
        return [*check_project(), *check_schedules()]


def minutely(alias: str, name: str = "minutely", *args: Any, **more: Any) -> Any:
    return cron("* * * * *", tasks.echo.s(*args).using(backend=alias), name=name, **more)


def stored(alias: str) -> dict[str, Schedule]:
    return {row.name: row for row in Schedule.objects.using(database_of(alias))}


# What is found, and what is wrong with it.


def test_a_module_a_list_and_a_single_schedule_can_be_named() -> None:
    assert checked(KEPT, f"{KEPT}.nightly", f"{KEPT}.generated") == []
    with in_code(KEPT, f"{KEPT}.nightly"):
        found = find_in_code()
    assert list(found.schedules) == ["nightly", "heartbeat", "generated-1", "generated-2"]
    nightly = found.schedules["nightly"].definition()
    assert (nightly.task, nightly.args, nightly.kwargs) == (ECHO, [7], {"deep": True})
    assert (nightly.tenant, nightly.options) == ("acme", {"max_tries": 3})
    assert (nightly.timezone, nightly.queue, nightly.priority) == ("Europe/Paris", None, None)
    assert found.schedules["heartbeat"].definition().every == 30.0


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("no.such.module", "'no.such.module' cannot be imported: "),
        ("tests.scheduling.kept.missing", "cannot be imported: ImportError"),
        ("tests.middleware.unimportable", "'tests.middleware.unimportable' cannot be imported: "),
        ("tests.app.gates", "expected the dotted path of a schedule, of a list of them, or of a"),
        ("tests.app.tasks.echo", "expected the dotted path of a schedule"),
    ],
)
def test_an_entry_that_leads_to_no_schedule_is_an_error(path: str, told: str) -> None:
    (message,) = checked(KEPT, path)
    assert message.id == "django_taskq.E012"
    assert message.msg.startswith("TASKQ['SCHEDULES'][1]: ")
    assert told in message.msg


@pytest.mark.parametrize("given", ["a.path", 5, None, {}, [5]])
def test_what_is_no_list_of_paths_is_an_error(given: Any) -> None:
    with override_settings(TASKQ={"SCHEDULES": given}):
        (message,) = [*check_project(), *check_schedules()][:1]
    assert message.id == "django_taskq.E008"
    assert "TASKQ['SCHEDULES']: expected a list of dotted paths" in message.msg


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (lambda: cron("0 0 30 2 *", tasks.nothing, name="x"), "never"),
        (lambda: every("soon", tasks.nothing, name="x"), "every: expected seconds or a duration"),
        (lambda: cron("@daily", tasks.nothing.s(1), name="x"), "args: expected what nothing"),
        (lambda: cron("@daily", tasks.nothing, name="x", overlap="no"), "overlap: expected one of"),
        (lambda: cron("@daily", tasks.nothing, name=""), "name: expected a name"),
        (lambda: cron("@daily", tasks.nothing, name="x", start="soon"), "It cannot be read: Attr"),
        (lambda: cron("@daily", tasks.nothing.s().using(task_id="a"), name="x"), "task_id: exp"),
    ],
)
def test_a_schedule_that_cannot_run_is_an_error(code: list[Any], schedule: Any, told: str) -> None:
    code.append(schedule())
    (message,) = check_schedules()
    assert (message.id, told in message.msg) == ("django_taskq.E012", True), message.msg


@pytest.mark.parametrize(
    "backend",
    ["django.tasks.backends.dummy.DummyBackend", "django_taskq.backends.ThreadPoolBackend"],
)
def test_a_backend_that_fires_nothing_is_a_warning(code: list[Any], backend: str) -> None:
    code.append(cron("@daily", tasks.nothing, name="x"))
    with override_settings(TASKS={"default": {"BACKEND": backend, "QUEUES": []}}):
        (message,) = check_schedules()
    assert (message.id, message.is_serious()) == ("django_taskq.W002", False)
    assert "The schedule 'x' in TASKQ['SCHEDULES']: backend: " in message.msg


def test_two_schedules_of_one_name_are_an_error(code: list[Any]) -> None:
    code += [minutely("default"), minutely("default")]
    (message,) = check_schedules()
    assert "expected a name for each schedule, got 'minutely' twice" in message.msg


def test_one_whose_time_is_over_may_stay_in_the_code(code: list[Any]) -> None:
    past = datetime(2020, 1, 1)  # noqa: DTZ001  local, in the schedule's zone
    code.append(at(past, tasks.nothing, name="once", timezone="Europe/Paris"))
    assert check_schedules() == []


def test_an_unknown_word_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="any of timezone, start, end, jitter, catchup, overlap"):
        cron("@daily", tasks.nothing, name="x", zone="UTC")  # type: ignore[call-arg]


# Their rows.


@on_each_database
def test_a_worker_that_starts_stores_them_marked_as_from_the_code(
    code: list[Any], alias: str
) -> None:
    code.append(minutely(alias, "minutely", 7, overlap="allow"))
    sync_schedules(alias)
    row = stored(alias)["minutely"]
    assert (row.source, row.enabled, row.overlap, row.args) == ("code", True, "allow", "[7]")
    assert row.next_at is not None
    with CaptureQueriesContext(connections[database_of(alias)]) as queries:
        sync_schedules(alias)
    assert len(queries) == 1
    assert stored(alias)["minutely"].revision == 0


@on_each_database
def test_workers_that_start_at_once_store_each_once(
    code: list[Any], alias: str, caplog: pytest.LogCaptureFixture
) -> None:
    code += [minutely(alias, f"s{n}") for n in range(10)]
    for args in ("[]", "[1]"):
        threads = [Thread(partial(sync_schedules, alias)) for _ in range(4)]
        for thread in threads:
            thread.result()
        rows = stored(alias)
        assert sorted(rows) == sorted(schedule.name for schedule in code)
        assert {(row.enabled, row.args) for row in rows.values()} == {(True, args)}
        code[:] = [minutely(alias, f"s{n}", 1) for n in range(10)]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


@on_each_database
def test_a_change_in_the_code_reaches_the_row(code: list[Any], alias: str) -> None:
    code.append(minutely(alias))
    sync_schedules(alias)
    code[:] = [every("1h", tasks.echo.s(1).using(backend=alias, priority=5), name="minutely")]
    sync_schedules(alias)
    row = stored(alias)["minutely"]
    assert (row.every, row.expression, row.priority, row.revision) == (3600.0, None, 5, 1)


@on_each_database
def test_a_pause_by_an_operator_outlives_starts_and_changes(code: list[Any], alias: str) -> None:
    code.append(minutely(alias))
    sync_schedules(alias)
    edits.disable(stored(alias)["minutely"])
    code[:] = [minutely(alias, "minutely", 7)]
    sync_schedules(alias)
    row = stored(alias)["minutely"]
    assert (row.enabled, row.reason, row.args) == (False, None, "[7]")


@pytest.mark.parametrize("is_paused", [False, True])
@on_each_database
def test_one_that_is_gone_is_switched_off_and_comes_back_as_it_was(
    code: list[Any], alias: str, is_paused: bool
) -> None:
    code.append(minutely(alias))
    sync_schedules(alias)
    if is_paused:
        edits.disable(stored(alias)["minutely"])
    kept = code.pop()
    sync_schedules(alias)
    row = stored(alias)["minutely"]
    assert (row.enabled, edits.is_gone(row)) == (False, True)
    with pytest.raises(InvalidSchedule, match="no longer in the code"):
        edits.enable(row)
    code.append(kept)
    sync_schedules(alias)
    row = stored(alias)["minutely"]
    assert (row.enabled, row.reason) == (not is_paused, None)
    code.clear()
    sync_schedules(alias)
    edits.remove(stored(alias)["minutely"])
    assert stored(alias) == {}


@on_each_database
def test_an_entry_that_cannot_be_read_switches_nothing_off(code: list[Any], alias: str) -> None:
    code.append(minutely(alias))
    sync_schedules(alias)
    with in_code("no.such.module"):
        sync_schedules(alias)
    assert stored(alias)["minutely"].enabled


@on_each_database
def test_one_that_cannot_run_says_so_and_holds_no_other_up(code: list[Any], alias: str) -> None:
    code += [minutely(alias, "first"), minutely(alias, "second")]
    sync_schedules(alias)
    code.append(minutely(alias, "third", start="soon"))
    code[0] = minutely(alias, "first", timezone="Mars")
    code[1] = minutely(alias, "second", 7)
    sync_schedules(alias)
    rows = stored(alias)
    assert (rows["first"].enabled, rows["second"].args) == (False, "[7]")
    assert "timezone: expected" in rows["first"].reason
    code[0] = minutely(alias, "first")
    sync_schedules(alias)
    assert (stored(alias)["first"].enabled, stored(alias)["first"].reason) == (True, None)


@on_each_database
def test_the_schedule_of_an_operator_keeps_its_name(code: list[Any], alias: str) -> None:
    added(alias, name="minutely", args=[1])
    code.append(minutely(alias, "minutely", 2))
    sync_schedules(alias)
    row = stored(alias)["minutely"]
    assert (row.source, row.args) == ("operator", "[1]")


@on_all_databases
def test_one_that_moves_to_another_alias_is_off_in_the_old_place(code: list[Any]) -> None:
    code.append(minutely("default"))
    sync_schedules("default")
    code[:] = [minutely("postgresql")]
    sync_schedules("default")
    sync_schedules("postgresql")
    assert edits.is_gone(stored("default")["minutely"])
    assert stored("postgresql")["minutely"].enabled
    assert definition_of(stored("postgresql")["minutely"]).backend == "postgresql"


@on_each_database
def test_a_worker_fires_them_from_its_start_on(code: list[Any], alias: str) -> None:
    code.append(every(1, tasks.echo.s(7).using(backend=alias), name="secondly"))
    ticks = Tick.objects.using(database_of(alias)).filter(job_id__isnull=False)
    with running(alias, is_scheduler=True):
        wait_until(ticks.exists, what="a tick")
        id = str(ticks[0].job_id)
        wait_until(lambda: get_job(id, alias).state == "SUCCESSFUL", what="its job to end")
