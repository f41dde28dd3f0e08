"""manage.py schedule: what it stores and refuses, what it prints, the status it ends with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from django_taskq.control import database_of, get_job
from django_taskq.models import Schedule, Tick
from django_taskq.models.schedule import Source
from django_taskq.scheduling import edits
from tests.each_database import on_all_databases, on_each_database
from tests.management.calls import Called, call
from tests.scheduling.definitions import ECHO, added

NOTHING = "tests.app.tasks.nothing"
NOW = datetime(2026, 3, 28, 12, 0, 30, tzinfo=UTC)


def schedule(*words: str) -> Called:
    return call("schedule", *words)


def rows(alias: str) -> Any:
    return Schedule.objects.using(database_of(alias))


# add


@on_each_database
def test_add_stores_everything_that_can_be_said(alias: str) -> None:
    called = schedule(
        "add", "nightly-report", "0 9 * * *", ECHO, "--kwargs", '{"kind": "daily"}',
        "--args", "[1]", "--timezone", "Europe/Paris", "--tenant", "acme", "--queue", "emails",
        "--priority", "5", "--options", '{"max_tries": 3}', "--catchup", "all:3",
        "--overlap", "queue", "--jitter", "30s", "--start", "2100-01-01", "--end",
        "2100-02-01T00:00+00:00", "--backend", alias, "--format", "json",
    )  # fmt: skip
    assert (called.status, called.json["next_runs"][0]["local"]) == (0, "2100-01-01T09:00:00+01:00")
    row = rows(alias).get()
    assert (row.name, row.expression, row.task) == ("nightly-report", "0 9 * * *", ECHO)
    assert (row.args, row.kwargs, row.options) == ("[1]", '{"kind":"daily"}', '{"max_tries":3}')
    assert (row.tenant, row.queue, row.priority, row.backend) == ("acme", "emails", 5, alias)
    assert (row.catchup, row.catchup_limit, row.overlap, row.jitter) == ("all", 3, "queue", 30.0)
    assert row.start_at == datetime(2099, 12, 31, 23, 0, tzinfo=UTC), "midnight in Paris"
    assert row.end_at == datetime(2100, 2, 1, tzinfo=UTC)


@on_each_database
def test_an_interval_and_a_time_stand_in_the_place_of_an_expression(alias: str) -> None:
    on = ("--backend", alias)
    assert schedule("add", "heartbeat", "--every", "1m30s", NOTHING, *on).status == 0
    assert schedule("add", "once", "--at", "2100-12-24T18:00", NOTHING, *on).status == 0
    assert schedule("add", "off", "@daily", NOTHING, "--disabled", *on).status == 0
    heartbeat, off, once = rows(alias).order_by("name")
    assert (heartbeat.every, heartbeat.expression) == (90.0, None)
    assert once.at == datetime(2100, 12, 24, 18, 0, tzinfo=UTC)
    assert (off.enabled, once.enabled, off.source) == (False, True, "operator")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x", NOTHING], "add: expected a cron expression in quotes before the task, --every or"),
        (["x", "@daily", NOTHING, "--every", "5s"], "expected the task alone beside --every"),
        (["x", "0", "9", "*", "*", "*", NOTHING], 'write the expression as one: "0 9 * * *"'),
        (["x", "0 0 30 2 *", NOTHING], "never"),
        (["x", "@daily", NOTHING, "--timezone", "Europe/Pariss"], "did you mean Europe/Paris?"),
        (["x", "@daily", "tests.app.tasks.exception_of"], "to be a function decorated with @task"),
        (["x", "@daily", NOTHING, "--args", "[1]"], "expected what nothing() -> None takes: too"),
        (["x", "@daily", NOTHING, "--backend", "threads"], "OPTIONS['SCHEDULER'] of TASKS['thread"),
        (["x", "@daily", NOTHING, "--catchup", "all:no"], "catchup: expected none, last, all or"),
        (["x", "--at", "2020-01-01", NOTHING], "at: expected a time to come, got 2020-01-01T00:00"),
        (["a\x1b", "@daily", NOTHING], "got 'a\\x1b'"),
    ],
)
@on_all_databases
def test_what_cannot_run_is_refused_with_status_2_and_not_stored(
    words: list[str], told: str
) -> None:
    called = schedule("add", *words)
    assert (called.status, told in called.err) == (2, True), called.err
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--every", "soon", "expected seconds or a duration like 30s, 5m, 1h30m or 1d"),
        ("--at", "noon", "expected a time like 2026-12-24T18:00, which is one of the schedule's"),
        ("--kwargs", "[1]", "expected JSON with an object"),
        ("--priority", "101", "expected a whole number from -100 to 100"),
        ("--overlap", "wait", "invalid choice"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused(option: str, value: str, told: str) -> None:
    assert told in schedule("add", "x", option, value, NOTHING).err


@on_each_database
def test_a_name_that_is_taken_is_refused(alias: str) -> None:
    added(alias)
    called = schedule("add", "nightly", "@daily", NOTHING, "--backend", alias)
    assert (called.status, rows(alias).count()) == (2, 1)
    assert "expected a name that no schedule has, got 'nightly'" in called.err


# list, show, next


@on_all_databases
def test_next_runs_are_shown_in_the_zone_and_in_utc_with_a_note_where_clocks_move_one() -> None:
    with time_machine.travel(NOW, tick=False):
        added(expression="30 2 * * *", timezone="Europe/Paris")
        found = schedule("next", "nightly", "-n", "2", "--format", "json").json
        assert [(run["local"], run["utc"]) for run in found] == [
            ("2026-03-29T03:00:00+02:00", "2026-03-29T01:00:00+00:00"),
            ("2026-03-30T02:30:00+02:00", "2026-03-30T00:30:00+00:00"),
        ]
        assert found[0]["note"]
        assert found[1]["note"] is None
        line = schedule("next", "nightly").out.splitlines()[1]
        assert line.startswith("2026-03-29 03:00:00 CEST (Europe/Paris)  2026-03-29 01:00:00+00:00")
        listed = schedule("list").out.splitlines()[1]
        assert "2026-03-29 03:00:00 CEST (Europe/Paris)" in listed
        assert "2026-03-29 01:00:00+00:00" in listed
        (value,) = schedule("list", "--format", "json").json
    assert (value["name"], value["next_runs"]) == ("nightly", found[:1])
    assert len(schedule("next", "nightly", "--format", "json").json) == 5


@on_all_databases
def test_list_has_every_database_or_one_alias_and_one_that_is_off_has_no_next_run() -> None:
    added("postgresql", name="a")
    edits.disable(added("default", name="b"), "the reason\x1b[2J")
    found = {row["name"]: row for row in schedule("list", "--format", "json").json}
    assert (found["a"]["enabled"], len(found["a"]["next_runs"])) == (True, 1)
    assert (found["b"]["enabled"], found["b"]["next_runs"]) == (False, [])
    assert "the reason\\x1b[2J" in schedule("list").out
    (only,) = schedule("list", "--backend", "postgresql", "--format", "json").json
    assert only["name"] == "a"


@on_each_database
def test_show_has_the_definition_the_next_runs_and_the_ticks_with_their_jobs(alias: str) -> None:
    added(alias, args=[7], every=3600.0)
    id = schedule("run", "nightly", "--backend", alias).out.strip()
    called = schedule("show", "nightly", "--backend", alias, "--format", "json")
    value = called.json
    assert (value["args"], value["every"], len(value["next_runs"])) == ([7], 3600.0, 5)
    (tick,) = value["ticks"]
    assert (tick["job"], tick["state"], tick["by_hand"]) == (id, "READY", True)
    text = schedule("show", "nightly", "--backend", alias).out
    assert id in text
    assert "every 1h" not in text.splitlines()[0]


# enable, disable, run, remove


@on_each_database
def test_off_and_on_tell_how_it_stands_and_whether_it_was_so_before(alias: str) -> None:
    added(alias)
    on = ("--backend", alias, "--format", "json")
    assert schedule("disable", "nightly", *on).json["enabled"] is False
    assert schedule("disable", "nightly", *on).json["told"] == "was off before"
    assert schedule("enable", "nightly", *on).json["next_runs"]
    assert "was on before" in schedule("enable", "nightly", "--backend", alias).out


@on_each_database
def test_run_makes_a_job_now_and_prints_its_id(alias: str) -> None:
    added(alias, args=[7])
    called = schedule("run", "nightly", "--backend", alias)
    job = get_job(called.out.strip(), alias)
    assert (job.task, job.args) == (ECHO, "[7]")
    assert Tick.objects.using(database_of(alias)).get().is_by_hand
    tick = schedule("run", "nightly", "--backend", alias, "--format", "json").json
    assert (tick["by_hand"], tick["state"]) == (True, "READY")


@on_each_database
def test_what_cannot_be_done_ends_with_status_1_and_a_sentence(alias: str) -> None:
    row = added(alias)
    on = ("--backend", alias)
    for verb in ("show", "next", "enable", "disable", "run", "remove", "backfill"):
        called = schedule(verb, "weekly", *on)
        assert (called.status, called.err) == (1, "There is no schedule 'weekly'.")
    rows(alias).update(source=Source.CODE)
    called = schedule("remove", "nightly", *on)
    assert (called.status, "is kept in code" in called.err) == (1, True)
    edits.disable(row)
    rows(alias).update(task="gone.task")
    assert "'gone.task' cannot be imported" in schedule("enable", "nightly", *on).err
    called = schedule("run", "nightly", *on)
    assert (called.status, "'gone.task' cannot be imported" in called.err) == (1, True)


@on_each_database
def test_a_row_that_cannot_be_read_is_listed_and_breaks_nothing(alias: str) -> None:
    added(alias, name="once", at=datetime(2100, 1, 1, tzinfo=UTC))
    added(alias, name="report")
    rows(alias).update(timezone="Mars/Base", args="[")
    on = ("--backend", alias)
    listed = schedule("list", *on).out
    assert "at 2100-01-01T00:00:00+00:00" in listed
    assert "report" in listed
    assert '"["' in schedule("show", "report", *on).out
    schedule("disable", "report", *on)
    for verb in ("next", "enable", "run"):
        called = schedule(verb, "report", *on)
        assert (called.status, bool(called.err)) == (1, True), verb


@on_each_database
def test_remove_deletes_it(alias: str) -> None:
    added(alias)
    assert "was removed" in schedule("remove", "nightly", "--backend", alias).out
    assert not rows(alias).exists()


@on_all_databases
def test_a_name_in_two_databases_asks_for_the_alias() -> None:
    added("default")
    added("postgresql")
    called = schedule("disable", "nightly")
    assert (called.status, "say --backend with one of default, postgresql" in called.err) == (
        2, True,
    )  # fmt: skip
    assert schedule("disable", "nightly", "--backend", "postgresql").status == 0
    assert rows("default").get().enabled


# backfill


@on_each_database
def test_backfill_makes_a_job_for_each_instant_tells_how_far_it_is_and_stops(alias: str) -> None:
    added(alias, expression="0 * * * *", timezone="Europe/Paris")
    on = ("--backend", alias, "--format", "json")
    span = ("--from", "2026-01-01T00:00", "--to", "2026-01-01T05:00")
    (made,) = schedule("backfill", "nightly", *span, "--max-running", "2", *on).json
    assert (made["made"], made["waiting"], made["max_running"]) == (6, 6, 2)
    assert (made["from"], made["standing"]) == ("2025-12-31T23:00:00+00:00", "running")
    assert schedule("backfill", "nightly", *on).json == [made]
    (stopped,) = schedule("backfill", "nightly", "--stop", *on).json
    assert (stopped["standing"], stopped["canceled"], stopped["waiting"]) == ("stopped", 6, 0)
    assert "stopped" in schedule("backfill", "nightly", "--backend", alias).out


@on_each_database
def test_a_backfill_that_cannot_be_is_refused(alias: str) -> None:
    added(alias)
    on = ("--backend", alias)
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    called = schedule("backfill", "nightly", "--from", future, *on)
    assert (called.status, "Expected a range that begins in the past" in called.err) == (2, True)
    called = schedule("backfill", "nightly", "--to", "2026-01-01", *on)
    assert (called.status, "expected --from beside --to" in called.err) == (2, True)


@pytest.mark.parametrize("words", [[], ["add"], ["add", "x"], ["next", "x", "-n", "0"], ["drop"]])
def test_a_wrong_command_line_is_refused(words: list[str]) -> None:
    assert schedule(*words).err
