"""What adding, changing, enabling, disabling and removing a schedule leaves in its row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from django_taskq.control import database_of
from django_taskq.exceptions import InvalidSchedule
from django_taskq.models import Schedule, Tick
from django_taskq.models.schedule import Decision, Source
from django_taskq.scheduling import edits
from django_taskq.scheduling.columns import definition_of
from django_taskq.scheduling.dues import timing_of
from tests.each_database import on_all_databases, on_each_database
from tests.scheduling.definitions import added, definition

NOW = datetime(2026, 11, 28, 12, 0, 30, tzinfo=UTC)


def stored(alias: str) -> Any:
    return edits.rows(database_of(alias))


def again(row: Schedule) -> Schedule:
    return edits.rows(row._state.db or "").get(pk=row.pk)


@on_each_database
def test_a_new_schedule_stands_in_the_database_of_its_jobs_and_starts_now(alias: str) -> None:
    with time_machine.travel(NOW, tick=False):
        row = again(added(alias, args=[1], catchup="all:7", tenant="acme"))
    assert row.next_at == NOW.replace(minute=1, second=0)
    assert (row.backend, row.source, row.enabled, row.revision) == (alias, "operator", True, 0)
    assert definition_of(row) == definition(backend=alias, args=[1], catchup="all:7", tenant="acme")


@on_each_database
def test_an_interval_counts_from_the_row_and_its_first_tick_is_one_of_its_ticks(alias: str) -> None:
    row = again(added(alias, every=7.5))
    assert row.next_at - row.created_at == timedelta(seconds=7.5)
    assert timing_of(row).next_after(row.next_at) == row.next_at + timedelta(seconds=7.5)


@on_each_database
def test_what_is_refused_is_not_stored(alias: str) -> None:
    with pytest.raises(InvalidSchedule, match="never"):
        added(alias, expression="0 0 30 2 *")
    assert not stored(alias).exists()


@on_each_database
def test_a_name_is_there_once_in_a_database(alias: str) -> None:
    added(alias)
    with pytest.raises(InvalidSchedule, match="a name that no schedule has, got 'nightly'"):
        added(alias)
    assert stored(alias).count() == 1


@on_each_database
def test_a_change_writes_what_was_named_and_raises_the_revision(alias: str) -> None:
    with time_machine.travel(NOW, tick=False):
        row = added(alias, tenant="acme")
    edits.change(row, {"priority": 5})
    kept = again(row)
    assert (kept.priority, kept.tenant, kept.revision) == (5, "acme", 1)
    assert kept.next_at == row.next_at, "a tick that is due is not lost by an edit of the priority"
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        edits.change(row, {"expression": "0 0 * * *"})
    kept = again(row)
    assert (kept.next_at, kept.revision) == (datetime(2026, 11, 29, tzinfo=UTC), 2)


@on_each_database
def test_a_refused_change_changes_nothing(alias: str) -> None:
    row = added(alias)
    with pytest.raises(InvalidSchedule, match="timezone"):
        edits.change(row, {"timezone": "Mars", "priority": 5})
    assert (again(row).priority, again(row).revision) == (None, 0)


@on_each_database
def test_one_that_has_fired_for_the_last_time_can_still_be_edited(alias: str) -> None:
    with time_machine.travel(NOW, tick=False):
        row = added(alias, at=NOW + timedelta(hours=1))
    assert edits.change(row, {"priority": 5}).priority == 5


@on_all_databases
def test_a_schedule_does_not_move_to_another_database() -> None:
    row = added("default")
    with pytest.raises(InvalidSchedule, match="Remove the schedule and add it there"):
        edits.change(row, {"backend": "postgresql"})


@on_each_database
def test_off_and_on_replays_nothing_and_keeps_the_policy(alias: str) -> None:
    with time_machine.travel(NOW, tick=False):
        row = added(alias, catchup="all")
    assert edits.disable(row)
    assert not edits.disable(row)
    off = again(row)
    assert (off.enabled, off.reason) == (False, None)
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        assert edits.enable(row)
        assert not edits.enable(row)
    kept = again(row)
    assert kept.next_at == NOW.replace(hour=15, minute=1, second=0)
    assert (kept.catchup, kept.revision) == ("all", 2)
    ticks = Tick.objects.using(database_of(alias)).filter(decision=Decision.PAUSED)
    assert ticks.count() == 100, "the latest of those that were let go, for whoever asks"


@on_each_database
def test_what_cannot_run_is_not_switched_on(alias: str) -> None:
    row = added(alias)
    edits.disable(row, "the scheduler's reason")
    edits.rows(row._state.db or "").update(task="gone.task")
    with pytest.raises(InvalidSchedule, match="cannot be imported"):
        edits.enable(row)
    assert again(row).reason == "the scheduler's reason"


@on_each_database
def test_one_of_the_code_can_be_switched_and_neither_changed_nor_removed(alias: str) -> None:
    row = added(alias)
    edits.rows(row._state.db or "").update(source=Source.CODE)
    row = again(row)
    with pytest.raises(InvalidSchedule, match="kept in code: change it there"):
        edits.change(row, {"priority": 5})
    with pytest.raises(InvalidSchedule, match="Take it out there, or switch it off"):
        edits.remove(row)
    assert edits.disable(row)
    assert edits.enable(row)


@on_each_database
def test_remove_takes_the_row(alias: str) -> None:
    row = added(alias)
    edits.remove(row)
    assert not stored(alias).exists()
    with pytest.raises(InvalidSchedule, match="was removed meanwhile"):
        edits.disable(row)
