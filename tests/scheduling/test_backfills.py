"""Jobs for the due instants of a range."""

from datetime import timedelta

import pytest

from django_taskq.exceptions import InvalidSchedule
from django_taskq.models import Backfill, Schedule
from django_taskq.models.schedule import Catchup, Overlap
from django_taskq.scheduling import backfills
from django_taskq.scheduling.backfills import backfill, begin, stop
from django_taskq.scheduling.places import place_of
from django_taskq.scheduling.progress import progress_of
from django_taskq.scheduling.tidying import Tidying
from tests.scheduling.stage import NOON, Stage
from tests.stores.jobs import claim, finish, join, success

DAY = timedelta(days=1)


def test_every_instant_of_the_range_gets_a_job_that_knows_it(stage: Stage) -> None:
    schedule = stage.add(expression="0 * * * *")
    row = backfill(schedule, NOON - DAY, NOON + DAY)
    due = [NOON - DAY + timedelta(hours=n) for n in range(25)]
    assert [job.scheduled_for for job in stage.jobs()] == due
    assert stage.decisions(schedule) == ["fired"] * 25
    told = progress_of(row)
    assert (told.made, told.waiting, told.is_made, told.is_done) == (25, 25, True, False)
    backfill(schedule, NOON - DAY, NOON)
    assert len(stage.jobs()) == 25
    stage.move(hours=1)
    stage.tick()
    assert len(stage.jobs()) == 26


def test_so_many_run_at_once_and_a_stop_cancels_the_rest(stage: Stage) -> None:
    schedule = stage.add(expression="0 * * * *")
    row = backfill(schedule, NOON - DAY, NOON, max_running=3)
    join(stage.store)
    running = claim(stage.store, 10)
    assert len(running) == 3
    finish(stage.store, success(running[0]))
    assert len(claim(stage.store, 10)) == 1
    assert stop(row) == 24
    told = progress_of(row)
    assert (told.successful, told.running, told.canceled) == (1, 3, 21)
    assert told.is_stopped


def test_one_at_a_time_runs_where_jobs_must_not_overlap(stage: Stage) -> None:
    row = backfill(stage.add(overlap=Overlap.SKIP), NOON - DAY, NOON)
    assert row.max_running == 1


def test_what_was_missed_is_made_up_for(stage: Stage) -> None:
    schedule = stage.add(catchup=Catchup.NONE)
    stage.move(hours=1)
    stage.tick()
    assert stage.decisions(schedule) == ["missed"] * 12
    backfill(schedule, NOON, stage.now)
    assert stage.decisions(schedule) == ["fired"] * 13


def test_one_that_broke_off_is_gone_on_with_by_a_scheduler(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfills, "CHUNK", 10)
    row = begin(stage.add(expression="0 * * * *"), NOON - DAY, NOON)
    place = place_of(stage.store)
    assert backfills.advance(place, stage.store, row.pk)
    tidying = Tidying(place, stage.store)
    tidying._due = 0.0
    while tidying.tidy() < 1.0:
        pass
    assert len(stage.jobs()) == 25
    assert progress_of(row).is_made


def test_a_range_that_cannot_be_is_refused_and_nothing_stored(stage: Stage) -> None:
    schedule = stage.add(every=1.0)
    for options in (
        {"from_at": NOON + DAY, "until_at": NOON + 2 * DAY},
        {"from_at": NOON - 2 * DAY, "until_at": NOON},
        {"from_at": NOON, "until_at": NOON, "max_running": 0},
    ):
        with pytest.raises(InvalidSchedule):
            backfill(schedule, **options)
    assert not Backfill.objects.using(stage.database).exists()
    assert stage.jobs() == []


def test_one_that_cannot_go_on_is_stopped_and_holds_nobody_up(stage: Stage) -> None:
    broken = stage.add("broken", expression="0 * * * *")
    row = begin(broken, NOON - DAY, NOON)
    Schedule.objects.using(stage.database).filter(pk=broken.pk).update(args="no json")
    other = begin(stage.add(expression="0 * * * *"), NOON - DAY, NOON)
    assert not backfills.advance_all(place_of(stage.store), stage.store)
    assert progress_of(row).is_stopped
    assert progress_of(other).made == 25
