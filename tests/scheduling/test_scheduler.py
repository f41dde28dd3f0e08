"""What a scheduler does when schedules are due."""

from datetime import timedelta

import pytest

from django_taskq.jobs.states import State
from django_taskq.models import Schedule
from django_taskq.models.schedule import Catchup
from django_taskq.scheduling.scheduler import LONGEST_IDLE, Scheduler
from tests.scheduling.stage import NOON, Stage


def test_a_tick_is_one_row_and_one_job_that_knows_its_instant(stage: Stage) -> None:
    schedule = stage.add(args="[7]", kwargs='{"more": 1}', tenant="acme", priority=5)
    stage.move(minutes=4)
    assert stage.tick() <= LONGEST_IDLE
    assert stage.jobs() == []
    stage.move(seconds=62)
    assert 0 < stage.tick() <= LONGEST_IDLE
    (tick,), (job,) = stage.ticks(schedule), stage.jobs()
    due = NOON + timedelta(minutes=5)
    assert (tick.due_at, tick.decision, tick.late, str(tick.job_id)) == (due, "fired", 2.0, job.id)
    assert (job.schedule_id, job.scheduled_for) == (schedule.pk, due)
    assert (job.args, job.kwargs, job.tenant, job.priority) == ("[7]", '{"more":1}', "acme", 5)
    schedule.refresh_from_db()
    assert schedule.next_at == NOON + timedelta(minutes=10)
    assert schedule.last_due_at == due


def test_any_number_of_schedulers_fire_a_tick_once(stage: Stage) -> None:
    schedules = [stage.add(f"report {n}") for n in range(3)]
    others = [Scheduler(stage.store) for _ in range(3)]
    for _ in range(4):
        stage.move(minutes=5)
        for other in others:
            stage.tick(other)
    assert all(stage.decisions(schedule) == ["fired"] * 4 for schedule in schedules)
    assert len(stage.jobs()) == 12


@pytest.mark.parametrize(
    ("catchup", "limit", "jobs"),
    [
        (Catchup.NONE, None, 0),
        (Catchup.LAST, None, 1),
        (Catchup.ALL, None, 36),
        (Catchup.ALL, 10, 10),
        (Catchup.ALL, 100, 36),
    ],
)
def test_an_outage_of_three_hours_is_caught_up_as_the_schedule_says(
    stage: Stage, catchup: Catchup, limit: int | None, jobs: int
) -> None:
    schedule = stage.add(catchup=catchup, catchup_limit=limit)
    stage.move(hours=3)
    stage.tick()
    assert stage.decisions(schedule) == ["missed"] * (36 - jobs) + ["fired"] * jobs
    assert len(stage.jobs()) == jobs
    assert all(job.scheduled_for <= stage.now for job in stage.jobs() if job.scheduled_for)
    # From here on it ticks as ever.
    stage.move(minutes=5)
    stage.tick()
    assert stage.decisions(schedule)[36:] == ["fired"]


def test_what_is_only_a_little_late_fires_whatever_the_schedule_catches_up(stage: Stage) -> None:
    schedule = stage.add(every=20.0, catchup=Catchup.NONE)
    stage.move(seconds=79)
    stage.tick()
    assert [tick.late for tick in stage.ticks(schedule)] == [59.0, 39.0, 19.0]
    assert stage.decisions(schedule) == ["fired"] * 3


def test_a_long_outage_of_a_quick_schedule_is_noted_in_part(stage: Stage) -> None:
    schedule = stage.add(every=1.0)
    stage.move(hours=6)
    stage.tick()
    assert stage.decisions(schedule) == ["missed"] * 100 + ["fired"]
    assert "21499 before it" in (stage.ticks(schedule)[0].reason or "")


def test_no_tick_fires_twice_or_is_lost_when_the_clock_is_set(stage: Stage) -> None:
    schedule = stage.add(catchup=Catchup.ALL)
    stage.move(minutes=30)
    stage.tick()
    stage.move(minutes=-20)
    stage.tick()
    # What a worker that saw the row before may still have written.
    Schedule.objects.using(stage.database).update(next_at=NOON + timedelta(minutes=5))
    stage.tick()
    stage.move(hours=2, minutes=20)
    stage.tick()
    due = [tick.due_at for tick in stage.ticks(schedule)]
    assert due == [NOON + timedelta(minutes=5 * n) for n in range(1, 31)]
    assert len(stage.jobs()) == 30


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"expression": "61 * * * *"}, "61"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"args": "no json"}, "Expecting value"),
        ({"kwargs": "[1]"}, "kwargs: expected JSON of a dict"),
        ({"priority": 1000}, "priority"),
    ],
)
def test_a_broken_schedule_is_switched_off_with_its_reason_and_the_others_go_on(
    stage: Stage, columns: dict[str, object], told: str
) -> None:
    first, broken, last = (stage.add(name) for name in ("a", "b", "c"))
    Schedule.objects.using(stage.database).filter(pk=broken.pk).update(**columns)
    for _ in range(2):
        stage.move(minutes=5)
        stage.tick()
    broken.refresh_from_db()
    assert not broken.enabled
    assert told in (broken.reason or "")
    assert stage.decisions(first) == stage.decisions(last) == ["fired", "fired"]
    assert stage.decisions(broken) == []


def test_a_task_that_is_not_deployed_here_yet_is_waited_for(stage: Stage) -> None:
    schedule = stage.add(task="tests.app.tasks.of_another_release")
    stage.move(minutes=5)
    stage.tick()
    schedule.refresh_from_db()
    assert schedule.enabled
    assert "of_another_release" in (schedule.reason or "")
    elsewhere = Scheduler(stage.store)
    Schedule.objects.using(stage.database).update(task="tests.app.tasks.echo")
    stage.move(seconds=30)
    stage.tick(elsewhere)
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.reason, schedule.failing_since) == (True, None, None)
    assert stage.decisions(schedule) == ["fired"]


def test_a_task_that_nobody_has_switches_its_schedule_off_after_the_grace(stage: Stage) -> None:
    schedule = stage.add(task="tests.app.tasks.of_another_release")
    stage.move(minutes=5)
    stage.tick()
    stage.move(seconds=61)
    stage.tick(Scheduler(stage.store))
    schedule.refresh_from_db()
    assert not schedule.enabled
    assert "of_another_release" in (schedule.reason or "")


def test_jitter_delays_the_job_and_not_the_decision(stage: Stage) -> None:
    schedule = stage.add(jitter=60.0)
    stage.move(minutes=5)
    stage.tick()
    (tick,), (job,) = stage.ticks(schedule), stage.jobs()
    assert tick.late == 0.0
    assert job.state == State.SCHEDULED
    assert job.run_after is not None
    assert stage.now < job.run_after < stage.now + timedelta(seconds=60)


def test_a_schedule_that_is_switched_off_is_not_looked_at(stage: Stage) -> None:
    schedule = stage.add(enabled=False)
    stage.move(hours=1)
    stage.tick()
    assert stage.decisions(schedule) == []


def test_one_that_is_due_once_fires_once(stage: Stage) -> None:
    schedule = stage.add(at=NOON + timedelta(minutes=1))
    for _ in range(3):
        stage.move(minutes=1)
        stage.tick()
    schedule.refresh_from_db()
    assert (stage.decisions(schedule), schedule.next_at) == (["fired"], None)
