"""Schedules on a store whose clock moves when it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.tasks import task_backends

from django_taskq.control import store_of
from django_taskq.jobs.clock import give_clock
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.record import JobRecord
from django_taskq.models import Schedule, Tick
from django_taskq.scheduling.dues import timing_of
from django_taskq.scheduling.places import database_of
from django_taskq.scheduling.scheduler import Scheduler

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ECHO = "tests.app.tasks.echo"


class Stage:
    """One alias with its schedules, at a time of the test's choice."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.now = NOON
        self.database = database_of(alias)
        self.store = store_of(alias)
        self.scheduler = Scheduler(self.store)

    def add(self, name: str = "report", **columns: Any) -> Schedule:
        """Store a schedule that ticks every five minutes, unless told otherwise."""
        if not columns.keys() & {"expression", "every", "at"}:
            columns["expression"] = "*/5 * * * *"
        given = {"backend": self.alias, "task": ECHO, "overlap": "allow", **columns}
        row = Schedule(name=name, **given)
        row.save(using=self.database)
        Schedule.objects.using(self.database).filter(pk=row.pk).update(created_at=self.now)
        row.refresh_from_db()
        if "next_at" not in columns:
            row.next_at = timing_of(row).next_after(self.now)
            row.save(using=self.database)
        return row

    def move(self, **duration: float) -> None:
        """Set the clock forward, or back."""
        self.now += timedelta(**duration)

    def tick(self, scheduler: Scheduler | None = None) -> float:
        """Have a scheduler do all there is to do; return how long it sleeps then."""
        chosen = scheduler or self.scheduler
        pause = chosen.tick()
        while pause == 0.0:
            pause = chosen.tick()
        return pause

    def ticks(self, schedule: Schedule) -> list[Tick]:
        """Return what was decided of a schedule, the oldest first."""
        return list(
            Tick.objects.using(self.database)
            .filter(schedule=schedule)
            .order_by("due_at", "is_by_hand")
        )

    def decisions(self, schedule: Schedule) -> list[str]:
        """Return what was decided in a word each, the oldest first."""
        return [tick.decision for tick in self.ticks(schedule)]

    def jobs(self) -> list[JobRecord]:
        """Return all jobs of the alias, the oldest due first."""
        found = self.store.find(JobFilter(limit=10_000))
        return sorted(found, key=lambda job: (job.scheduled_for or NOON, job.enqueued_at))

    def sender(self) -> type:
        """Return the class that sends the signals of the alias."""
        return type(task_backends[self.alias])


@contextmanager
def staged(alias: str) -> Iterator[Stage]:
    """Have all stores of this process go by the stage's clock."""
    stage = Stage(alias)
    with give_clock(lambda: stage.now):
        yield stage
