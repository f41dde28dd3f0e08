"""A transaction that goes on for long keeps nobody from working, and its late jobs are found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import NamedTuple

import psycopg
import pytest
from django.db import connections, transaction

from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.states import State
from django_taskq.models import Tenant
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.paces import Pace, insert_all, work_off
from tests.lifecycle.soaking import soak_seconds
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = [
    pytest.mark.lifecycle,
    # SQLite has one writer at a time: nobody can enqueue beside an open transaction.
    pytest.mark.parametrize("stage", ["postgresql"], indirect=True),
]

TENANTS = 20
RECOVERED_WITHIN = 60.0


class Closeness(NamedTuple):
    """What pace counts as nearly the one before: its jobs a second, and the p99 of its claims."""

    least: float
    most: float

    def holds(self, pace: Pace, before: Pace) -> bool:
        """Tell whether a pace is nearly what it was before."""
        is_slow = pace.percentile(99) > self.most * before.percentile(99)
        return pace.a_second >= self.least * before.a_second and not is_slow


# Beside other tests, and on a machine that has nothing else to do.
BESIDE_OTHERS = Closeness(least=0.3, most=20.0)
ALONE = Closeness(least=0.8, most=5.0)


def test_jobs_committed_after_a_thousand_newer_ones_have_run_are_found_at_once(
    stage: Stage, workers: Workers
) -> None:
    workers.start_working("--threads", "4", "--poll-interval", "0.5")
    held = transaction.atomic(using=ALIAS)
    held.__enter__()
    old = [tasks.work.enqueue().id for _ in range(3)]
    old += [tasks.work.using(run_after=timedelta(seconds=0.2)).enqueue().id]
    old += [tasks.work.using(priority=100).enqueue().id]
    old += [tasks.work.using(tenant="acme", queue_name="other").enqueue().id]

    newer = _enqueue_on_another_connection(stage, 1000)
    wait_until(lambda: stage.journal.count("accepted") == 1000, timeout=60, what="them to run")
    assert not {event.job for event in stage.journal.events("start")} & set(old)

    held.__exit__(None, None, None)
    for id in old:
        stage.journal.write("acked", id)
    wait_until(
        lambda: stage.journal.count("accepted") == 1000 + len(old),
        timeout=15,
        what="the jobs of the late commit to run",
    )
    assert {record.state for record in stage.store.get(old)} == {State.SUCCESSFUL}
    seqs = {record.id: record.seq for record in stage.records()}
    assert max(seqs[id] for id in old) < min(seqs[id] for id in newer)
    ledger_of(stage).assert_sound()


def test_claims_pass_by_jobs_that_an_open_transaction_has_locked(
    stage: Stage, workers: Workers
) -> None:
    ids = stage.enqueue_acked(tasks.work, [()] * 20)
    with connected(stage) as other:
        other.execute("SELECT 1 FROM taskq_job ORDER BY seq LIMIT 5 FOR UPDATE")
        workers.start_working("--threads", "2", "--poll-interval", "0.2")
        wait_until(lambda: stage.journal.count("accepted") == 15, timeout=30, what="15 to end")
        assert stage.count(State.READY) == 5
        other.rollback()
    stage.wait_all_ended()

    assert {record.state for record in stage.store.get(ids)} == {State.SUCCESSFUL}
    ledger_of(stage).assert_sound()


def test_old_snapshots_cost_claims_little(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    claim_beside_old_snapshots(stage, record_property, BESIDE_OTHERS, before=1.0, beside=2.0)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_snapshots_of_ten_minutes_cost_claims_little(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    beside = soak_seconds(at_most=600.0)
    claim_beside_old_snapshots(stage, record_property, ALONE, before=20.0, beside=beside)


def claim_beside_old_snapshots(
    stage: Stage,
    record_property: Callable[[str, object], None],
    wanted: Closeness,
    *,
    before: float,
    beside: float,
) -> None:
    """Work off jobs of all sorts before, beside and after transactions that see the past."""
    Tenant.objects.using(ALIAS).create(name="t1", weight=3, max_running=60)
    stage.store.refresh()
    work_for(stage, before / 2)
    first = work_for(stage, before)
    with an_old_writer(stage), an_old_reader(stage):
        second = work_for(stage, beside)
        # What other processes take from this one for a moment is no cost of ours.
        if not wanted.holds(second, first):
            second = work_for(stage, beside)
    released = monotonic()
    third = work_for(stage, before)
    while not wanted.holds(third, first) and monotonic() - released < RECOVERED_WITHIN:
        third = work_for(stage, before)

    for when, pace in (("before", first), ("beside", second), ("after", third)):
        record_property(when, str(pace))
    assert wanted.holds(second, first), (str(first), str(second))
    assert wanted.holds(third, first), (str(first), str(third))


def work_for(stage: Stage, seconds: float) -> Pace:
    """Work off jobs of many tenants, some of them limited, for so long; more come all the time."""
    tenants = [f"t{number}" for number in range(TENANTS)]
    # Both limits are looked at by each claim, and never reached.
    gate = gate_of("tests.lifecycle.tasks.capped", 60, "1000000/s")
    total = Pace()
    while total.seconds < seconds:
        insert_all(stage.store, tenants * 18)
        insert_all(stage.store, tenants[:4] * 10, gate=gate)
        pace = work_off(stage.store, 40, lambda pace: pace.jobs >= 20 * TENANTS)
        total.jobs += pace.jobs
        total.seconds += pace.seconds
        total.claims += pace.claims
    return total


@contextmanager
def connected(stage: Stage) -> Iterator[psycopg.Connection]:
    """Connect to the stage beside everybody else."""
    entry = stage.database
    with psycopg.connect(
        host=entry["HOST"], port=entry["PORT"], user=entry["USER"], dbname=entry["NAME"]
    ) as other:
        yield other


@contextmanager
def an_old_writer(stage: Stage) -> Iterator[None]:
    """Leave a transaction open that has written: it has an id, and nothing since can be cleaned."""
    with connected(stage) as other:
        other.execute("INSERT INTO taskq_queue (name, paused) VALUES ('old', false)")
        yield
        other.rollback()


@contextmanager
def an_old_reader(stage: Stage) -> Iterator[None]:
    """Leave a transaction open that goes on to see what there was when it began."""
    with connected(stage) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        (seen,) = other.execute("SELECT count(*) FROM taskq_job").fetchone() or (0,)
        yield
        assert other.execute("SELECT count(*) FROM taskq_job").fetchone() == (seen,)
        other.rollback()


def _enqueue_on_another_connection(stage: Stage, count: int) -> list[str]:
    """Enqueue as another web process would, beside the transaction that this one has open."""
    own = connections[ALIAS]
    connections[ALIAS] = own.copy()
    try:
        return stage.enqueue_acked(tasks.work, [()] * count)
    finally:
        connections[ALIAS].close()
        connections[ALIAS] = own
