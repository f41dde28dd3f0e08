"""What the upkeep tells of jobs that it took back."""

import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.tasks import TaskResultStatus, task_backends
from django.tasks.signals import task_finished
from django.utils import timezone

from django_taskq import get_job
from django_taskq.control import store_of
from django_taskq.exceptions import JobLost
from django_taskq.jobs.fence import Note
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.upkeep import Promoted, Reaped
from django_taskq.models import Worker
from django_taskq.options import Options
from django_taskq.stores.falls import Falls
from django_taskq.worker.upkeep import ARCHIVE_EVERY, ARCHIVE_LIMIT, Upkeep
from tests.stores.jobs import WORKER, claim, join
from tests.worker import tasks

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])


@pytest.fixture(params=["default", "postgresql"])
def alias(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def heard() -> Iterator[list[tuple[Any, ...]]]:
    """What receivers of task_finished got."""
    got: list[tuple[Any, ...]] = []

    def hear(sender: type, task_result: Any, duration: float | None, **kwargs: Any) -> None:
        got.append((sender, task_result, duration, sys.exc_info()[1]))

    task_finished.connect(hear)
    yield got
    task_finished.disconnect(hear)


def fall_silent(alias: str) -> None:
    """Have the lease of the worker be over."""
    over = timezone.now() - timedelta(hours=1)
    Worker.objects.using(alias).filter(pk=WORKER).update(expires_at=over)


def test_a_job_that_failed_as_lost_is_told_of_once(
    alias: str, heard: list[tuple[Any, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    store, sender = store_of(alias), type(task_backends[alias])
    join(store)
    on = tasks.remember.using(backend=alias)
    failed = on.using(max_tries=1).enqueue(1)
    suspect, freed = on.enqueue(2), on.enqueue(3)
    first, second, _ = claim(store, 3)
    store.note(WORKER, [Note(c.seq, c.attempt, c.claimed_at) for c in (first, second)])
    fall_silent(alias)
    woken: list[None] = []
    with caplog.at_level(logging.WARNING, "django_taskq.worker"):
        for _ in range(2):
            Upkeep(store, sender, lambda: woken.append(None), lambda: True).keep()

    ((told_by, result, duration, exception),) = heard
    assert (told_by, result.id, result.status) == (sender, failed.id, TaskResultStatus.FAILED)
    assert result.errors[-1].exception_class is JobLost
    assert isinstance(exception, JobLost)
    assert str(exception) == get_job(failed).reason
    assert duration is not None
    assert [get_job(job).failure for job in (failed, suspect, freed)] == [Failure.LOST, None, None]
    assert [get_job(job).state for job in (suspect, freed)] == [State.READY] * 2
    assert woken == [None]
    (line,) = (r.getMessage() for r in caplog.records if "Took jobs back" in r.getMessage())
    assert line.endswith("2 run again, 1 of them alone, 1 failed as lost.")


def test_a_job_of_unknown_start_is_told_of_without_a_duration(
    alias: str, heard: list[tuple[Any, ...]]
) -> None:
    store = store_of(alias)
    join(store, is_solo=True)
    tasks.remember.using(backend=alias, max_tries=1).enqueue(1)
    claim(store)
    fall_silent(alias)
    Upkeep(store, type(task_backends[alias]), lambda: None, lambda: True).keep()

    ((_, _, duration, _),) = heard
    assert duration is None


class Rules:
    """A store with nothing to keep up but what operators say, which is looked at and changes."""

    options = Options()

    def __init__(self) -> None:
        self.falls = Falls()
        self.looks = 0
        self.has_changed = False

    def refresh(self) -> bool:
        self.looks += 1
        return self.has_changed

    def promote(self, limit: int) -> Promoted:
        return Promoted(0, None)

    def archive(self, limit: int) -> int:
        return 0

    def sweep(self) -> float | None:
        return None

    def reap(self) -> Reaped:
        return Reaped()

    def has_suspects(self) -> bool:
        return False

    def catch_up(self, limit: int) -> int:
        return 0

    def prune(self, limit: int) -> int:
        return 0


def test_what_operators_say_is_read_every_few_seconds_and_a_change_wakes_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("django_taskq.worker.upkeep.monotonic", lambda: now)
    rules = Rules()
    woken: list[float] = []
    store: Any = rules
    upkeep = Upkeep(store, object, lambda: woken.append(now), lambda: True)
    looks = [now]
    while len(looks) < 20:
        rules.has_changed = len(looks) == 7
        before = rules.looks
        pause = upkeep.keep()
        if rules.looks > before:
            looks.append(now)
        now += pause + 0.001
    pauses = {after - before for before, after in pairwise(looks)}
    # With what a change takes until it is read and acted on, five seconds are kept.
    assert 2.0 < min(pauses) < max(pauses) < 4.5
    assert woken == [looks[7]]


class Ended(Rules):
    """A store in which so many jobs have ended that are not archived."""

    def __init__(self, ended: int) -> None:
        super().__init__()
        self.ended = ended
        self.archived: list[int] = []

    def archive(self, limit: int) -> int:
        self.archived.append(min(limit, self.ended))
        self.ended -= self.archived[-1]
        return self.archived[-1]


def test_ended_jobs_gather_however_often_the_upkeep_is_woken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("django_taskq.worker.upkeep.monotonic", lambda: now)
    # What else is due, at random moments, comes later than what is looked at here.
    monkeypatch.setattr("django_taskq.worker.upkeep.random.random", lambda: 0.5)
    ended = Ended(ARCHIVE_LIMIT + 1)
    store: Any = ended
    upkeep = Upkeep(store, object, lambda: None, lambda: True)
    assert upkeep.keep() == 0.0, "More than it takes at a time waits: it goes on at once."
    upkeep.keep()
    assert ended.archived == [ARCHIVE_LIMIT, 1]
    for _ in range(5):
        ended.ended += 1
        pause = upkeep.keep()
        assert pause == pytest.approx(ARCHIVE_EVERY)
    assert ended.archived == [ARCHIVE_LIMIT, 1]
    now += ARCHIVE_EVERY
    upkeep.keep()
    assert ended.archived == [ARCHIVE_LIMIT, 1, 5]
