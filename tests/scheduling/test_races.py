"""What happens beside a scheduler, and between its statements."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connections, transaction
from django.test import override_settings
from redis.exceptions import ResponseError

from django_taskq.models import Schedule, Tick
from django_taskq.scheduling import round as rounds
from django_taskq.scheduling.round import Round
from django_taskq.scheduling.scheduler import Scheduler
from tests.aliases import empty_redis, on_database
from tests.redis_alias import REDIS, REDIS_ENTRY
from tests.scheduling.stage import NOON, Stage, staged
from tests.stores.jobs import claim_one, finish, join, success


@pytest.mark.parametrize("verb", ["_write_ticks", "_insert", "_move"])
def test_what_dies_between_two_statements_leaves_nothing_and_the_next_one_fires(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    schedule = stage.add()
    stage.move(minutes=5)

    def die(*args: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(Round, verb, die)
        with pytest.raises(OperationalError):
            stage.tick()
    assert stage.decisions(schedule) == []
    # In Redis the job is no part of the transaction: its id is what makes it one job.
    is_apart = not (stage.store.is_transactional or stage.store.is_local)
    assert len(stage.jobs()) == (verb == "_move" and is_apart)
    stage.tick(Scheduler(stage.store))
    assert stage.decisions(schedule) == ["fired"]
    assert len(stage.jobs()) == 1


@pytest.fixture
def in_redis() -> Iterator[Stage]:
    """An alias of Redis with no schedules yet."""
    empty_redis()
    with override_settings(TASKS={**settings.TASKS, REDIS: REDIS_ENTRY}), staged(REDIS) as made:
        yield made


@on_database("default")
@pytest.mark.parametrize("is_archived", [False, True])
def test_a_tick_that_is_fired_again_in_redis_finds_its_job_even_if_that_has_ended(
    in_redis: Stage, monkeypatch: pytest.MonkeyPatch, is_archived: bool
) -> None:
    stage, store = in_redis, in_redis.store
    schedule = stage.add(options='{"task_id":"nightly"}')
    stage.move(minutes=5)

    def die(*args: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(Round, "_move", die)
        with pytest.raises(OperationalError):
            stage.tick()
    if is_archived:
        join(store)
        finish(store, success(claim_one(store)))
        assert store.archive(10) == 1
    stage.tick(Scheduler(store))
    (job,), (tick,) = stage.jobs(), stage.ticks(schedule)
    assert (tick.decision, str(tick.job_id)) == ("fired", job.id)
    assert (job.schedule_id, job.scheduled_for) == (schedule.pk, NOON + timedelta(minutes=5))
    assert store.insights().depth() == (0 if is_archived else 1)


@on_database("default")
def test_a_redis_that_takes_no_jobs_switches_no_schedule_off(
    in_redis: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = in_redis.add()
    in_redis.move(minutes=5)

    def refuse(*args: Any) -> None:
        raise ResponseError("OOM command not allowed when used memory > 'maxmemory'.")

    with monkeypatch.context() as patch:
        patch.setattr(in_redis.store, "insert", refuse)
        with pytest.raises(ResponseError):
            in_redis.tick()
    in_redis.tick()
    schedule.refresh_from_db()
    assert schedule.enabled
    assert in_redis.decisions(schedule) == ["fired"]


def test_one_row_that_breaks_the_whole_batch_is_found_and_switched_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, broken, last = (stage.add(name) for name in ("a", "b", "c"))
    stage.move(minutes=5)
    insert = rounds.insert_jobs

    def refuse(place: Any, store: Any, jobs: Any) -> None:
        if any(spec.origin.schedule_id == broken.pk for _, spec in jobs):
            raise ValueError("A string literal cannot contain NUL (0x00) characters.")
        insert(place, store, jobs)

    monkeypatch.setattr(rounds, "insert_jobs", refuse)
    stage.tick()
    broken.refresh_from_db()
    assert (broken.enabled, broken.reason) == (
        False,
        "A string literal cannot contain NUL (0x00) characters.",
    )
    assert stage.decisions(first) == stage.decisions(last) == ["fired"]
    assert len(stage.jobs()) == 2


@pytest.mark.parametrize("alias", [pytest.param("postgresql", marks=on_database("postgresql"))])
def test_a_schedule_that_is_being_edited_is_left_alone_until_the_edit_is_over(alias: str) -> None:
    with override_settings(), staged(alias) as stage:
        schedule, other = stage.add("a"), stage.add("b")
        stage.move(minutes=5)

        def tick() -> None:
            stage.scheduler.tick()
            connections.close_all()

        with transaction.atomic(using=alias):
            row = Schedule.objects.using(alias).select_for_update().get(pk=schedule.pk)
            beside = threading.Thread(target=tick)
            beside.start()
            beside.join(20)
            assert not beside.is_alive()
            row.expression, row.next_at = "7 * * * *", NOON + timedelta(minutes=7)
            row.save()
        assert stage.decisions(other) == ["fired"]
        stage.tick()
        assert stage.decisions(schedule) == []
        stage.move(minutes=2)
        stage.tick()
        assert [tick.due_at for tick in stage.ticks(schedule)] == [NOON + timedelta(minutes=7)]


@pytest.mark.parametrize("alias", [pytest.param("postgresql", marks=on_database("postgresql"))])
def test_schedulers_side_by_side_fire_each_tick_once(alias: str) -> None:
    with override_settings(), staged(alias) as stage:
        schedules = [stage.add(f"s{n}") for n in range(40)]

        def work() -> None:
            scheduler = Scheduler(stage.store)
            while scheduler.tick() < 1.0:
                pass
            connections.close_all()

        for _ in range(3):
            stage.move(minutes=5)
            beside = [threading.Thread(target=work) for _ in range(4)]
            for thread in beside:
                thread.start()
            for thread in beside:
                thread.join(30)
        assert Tick.objects.using(alias).count() == 3 * len(schedules)
        assert len(stage.jobs()) == 3 * len(schedules)
