"""When a job starts, and which of several starts first."""

from contextlib import nullcontext
from datetime import datetime, timedelta

from django.conf import settings
from django.tasks import TaskResultStatus
from django.test import override_settings
from django.utils import timezone

from tests.aliases import every_durable
from tests.app import gates, journal, tasks
from tests.conformance.conftest import Drain, On
from tests.deadlines import wait_until
from tests.running import is_durable, run_due
from tests.scripts import run_script

WITH_PRIORITY = [("low", -10), ("first", 0), ("high", 10), ("critical", 100), ("second", 0)]


def test_a_job_does_not_start_before_its_time(on: On, drain: Drain) -> None:
    later = on(tasks.echo).using(run_after=timezone.now() + timedelta(hours=1)).enqueue(1)
    past = on(tasks.echo).using(run_after=timezone.now() - timedelta(hours=1)).enqueue(2)
    drain()
    later.refresh()
    past.refresh()
    assert later.status is TaskResultStatus.READY
    assert later.attempts == 0
    assert past.return_value == 2


def test_a_job_starts_when_its_time_has_come(on: On, drain: Drain) -> None:
    due_at = timezone.now() + timedelta(seconds=0.3)
    result = on(tasks.echo).using(run_after=due_at).enqueue(1)

    def is_run() -> bool:
        drain()
        result.refresh()
        return result.is_finished

    wait_until(is_run, what="the job to run")
    # The clock of a database server on this machine is this machine's.
    assert due_at <= result.started_at < due_at + timedelta(seconds=3)


def test_without_time_zones_a_naive_time_to_run_is_taken(on: On, drain: Drain) -> None:
    with override_settings(USE_TZ=False):
        now = datetime.now()  # noqa: DTZ005  what a project without time zones has
        later = on(tasks.echo).using(run_after=now + timedelta(hours=1)).enqueue(1)
        past = on(tasks.echo).using(run_after=now - timedelta(hours=1)).enqueue(2)
        soon = on(tasks.echo).using(run_after=timedelta(hours=-1)).enqueue(3)
        drain()
        for result in (later, past, soon):
            result.refresh()
        assert later.status is TaskResultStatus.READY
        assert later.attempts == 0
        assert (past.return_value, soon.return_value) == (2, 3)
        for result in (past, soon):
            assert result.enqueued_at <= result.started_at <= result.finished_at


def test_larger_priority_starts_first_and_equal_ones_in_order(alias: str) -> None:
    page = f"priority on {alias}"
    is_pool = not is_durable(alias)
    one_thread = {**settings.TASKS[alias], "OPTIONS": {"MAX_WORKERS": 1}}
    narrow = override_settings(TASKS={alias: one_thread}) if is_pool else nullcontext()
    with narrow:
        if is_pool:
            tasks.hold.using(backend=alias).enqueue(page)
            wait_until(lambda: gates.is_reached(page))
        write = tasks.write.using(backend=alias)
        write.enqueue_many(
            write.using(priority=priority).s(page, entry) for entry, priority in WITH_PRIORITY
        )
        gates.open_gate(page)
        run_due(alias, threads=1)
    assert journal.read(page) == ["critical", "high", "first", "second", "low"]


@every_durable
def test_priority_counts_across_processes(durable: str) -> None:
    page = f"processes on {durable}"
    write = tasks.write.using(backend=durable)
    write.using(priority=-5).enqueue(page, "our low")
    write.enqueue(page, "ours")
    run_script(
        """
        import sys, django
        django.setup()
        from tests.app.tasks import write
        alias, page = sys.argv[1:]
        write = write.using(backend=alias)
        write.enqueue(page, "theirs")
        write.using(priority=5).enqueue(page, "their high")
        """,
        durable,
        page,
    )
    write.enqueue(page, "ours again")
    run_due(durable, threads=1)
    assert journal.read(page) == ["their high", "ours", "theirs", "ours again", "our low"]
