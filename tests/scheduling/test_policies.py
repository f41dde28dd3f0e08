"""What becomes of a tick while earlier jobs of its schedule have not ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from django_taskq.jobs.states import State
from django_taskq.models.schedule import Catchup, Overlap
from django_taskq.scheduling.by_hand import run_now
from django_taskq.scheduling.pauses import note_paused
from tests.scheduling.stage import NOON, Stage
from tests.stores.jobs import claim, finish, join, success


def states(stage: Stage) -> list[State | str]:
    return [job.state for job in stage.jobs()]


@contextmanager
def first_running(stage: Stage) -> Iterator[None]:
    """Have the job of the next tick run while the block does, then end."""
    stage.move(minutes=5)
    stage.tick()
    join(stage.store)
    (running,) = claim(stage.store, 5)
    yield
    finish(stage.store, success(running))


def test_a_tick_is_skipped_while_the_job_before_has_not_ended(stage: Stage) -> None:
    schedule = stage.add(overlap=Overlap.SKIP)
    with first_running(stage):
        stage.move(minutes=5)
        stage.tick()
    stage.move(minutes=5)
    stage.tick()
    assert stage.decisions(schedule) == ["fired", "skipped", "fired"]
    assert "had not ended" in (stage.ticks(schedule)[1].reason or "")
    assert states(stage) == [State.SUCCESSFUL, State.READY]


def test_one_tick_at_most_waits_for_the_end_of_the_job_before(stage: Stage) -> None:
    schedule = stage.add(overlap=Overlap.QUEUE)
    with first_running(stage):
        for _ in range(2):
            stage.move(minutes=5)
            stage.tick()
        assert claim(stage.store, 5) == []
    assert stage.decisions(schedule) == ["fired", "queued", "skipped"]
    (queued,) = claim(stage.store, 5)
    assert queued.scheduled_for == stage.ticks(schedule)[1].due_at


def test_a_tick_cancels_the_job_before_and_starts_after_it(stage: Stage) -> None:
    schedule = stage.add(overlap=Overlap.CANCEL)
    with first_running(stage):
        stage.move(minutes=5)
        stage.tick()
        first, second = stage.jobs()
        assert (first.state, second.state) == (State.RUNNING, State.READY)
        assert first.cancel_asked_at is not None
        assert claim(stage.store, 5) == []
    assert len(claim(stage.store, 5)) == 1
    assert stage.decisions(schedule) == ["fired", "fired"]


def test_what_is_caught_up_runs_one_at_a_time_unless_it_may_overlap(stage: Stage) -> None:
    schedule = stage.add(overlap=Overlap.SKIP, catchup=Catchup.ALL, catchup_limit=3)
    stage.move(hours=1)
    stage.tick()
    assert stage.decisions(schedule)[-4:] == ["missed", "fired", "fired", "fired"]
    join(stage.store)
    for _ in range(3):
        (only,) = claim(stage.store, 5)
        finish(stage.store, success(only))


def test_a_run_by_hand_is_a_tick_of_its_own_and_counts_as_a_job_of_the_schedule(
    stage: Stage,
) -> None:
    schedule = stage.add(overlap=Overlap.SKIP, enabled=False, jitter=50.0)
    stage.move(minutes=5)
    ticks = [run_now(schedule) for _ in range(2)]
    assert [(tick.is_by_hand, tick.decision) for tick in ticks] == [(True, "fired")] * 2
    assert ticks[0].due_at == stage.now
    assert [job.scheduled_for for job in stage.jobs()] == [tick.due_at for tick in ticks]
    assert states(stage) == [State.READY] * 2
    schedule.refresh_from_db()
    assert not schedule.enabled
    type(schedule).objects.using(stage.database).update(enabled=True)
    stage.tick()
    assert stage.decisions(schedule) == ["skipped", "fired", "fired"]


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE, Overlap.CANCEL])
def test_a_tick_whose_job_before_was_deleted_fires(stage: Stage, overlap: Overlap) -> None:
    schedule = stage.add(overlap=overlap)
    stage.move(minutes=5)
    stage.tick()
    join(stage.store)
    finish(stage.store, success(claim(stage.store, 1)[0]))
    stage.store.delete([job.id for job in stage.jobs()])
    stage.move(minutes=5)
    stage.tick()
    assert stage.decisions(schedule) == ["fired", "fired"]


def test_a_tick_whose_predictable_id_is_taken_is_skipped(stage: Stage) -> None:
    stage.add("other", every=1800.0)
    schedule = stage.add(task="tests.scheduling.tasks.named")
    for _ in range(2):
        stage.move(minutes=5)
        stage.tick()
    assert stage.decisions(schedule) == ["fired", "skipped"]
    assert "'the one'" in (stage.ticks(schedule)[1].reason or "")
    schedule.refresh_from_db()
    assert schedule.enabled


def test_what_passes_while_a_schedule_is_off_is_noted_when_it_is_switched_on(stage: Stage) -> None:
    schedule = stage.add()
    stage.move(minutes=5)
    stage.tick()
    stage.move(minutes=11)
    assert note_paused(schedule, NOON + timedelta(minutes=5), stage.now) == 2
    assert stage.decisions(schedule) == ["fired", "paused", "paused"]
