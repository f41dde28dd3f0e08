"""`manage.py taskq health` fails when a worker makes no progress, whatever keeps it from it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import psycopg
import pytest

from django_taskq.models import Worker
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.proxy import Mode, Proxy
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers
from tests.management.calls import Called, call

pytestmark = pytest.mark.lifecycle

on_postgresql = pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
# Heartbeats come every second.
LEASE = 3.0


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Proxy]:
    made = Proxy(int(stage.database["PORT"]))
    yield made
    made.close()


def health(*words: str) -> Called:
    return call("taskq", "health", "--max-stall", "2", *words)


def wait_until_failing(text: str) -> None:
    wait_until(lambda: text in health().err, timeout=30, what=f"health to say {text!r}")


def wait_until_passing() -> None:
    wait_until(lambda: health().status == 0, timeout=30, what="health to pass")


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Have every claim wait for a lock, while jobs can be read and workers written."""
    database = stage.database
    with psycopg.connect(
        host=database["HOST"], port=database["PORT"], dbname=database["NAME"],
        user=database["USER"], password=database["PASSWORD"] or None,
    ) as connection:  # fmt: skip
        connection.execute("LOCK TABLE taskq_job IN EXCLUSIVE MODE")
        yield


def through(stage: Stage, proxy: Proxy) -> dict[str, Any]:
    return stage.database | {"HOST": "127.0.0.1", "PORT": str(proxy.port)}


def test_health_passes_while_a_worker_idles_with_a_poll_interval_beyond_any_stall(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=LEASE)
    idle = workers.start_working("--poll-interval", "60")
    beats = {stage.worker_of(idle.pid).beat_at}
    while len(beats) < 6:
        assert health().status == 0
        assert health("--host").status == 0
        row = stage.worker_of(idle.pid)
        beats.add(row.beat_at)
    assert row.memory is not None
    assert 10_000_000 < row.memory < 1_000_000_000
    assert health("--host", "elsewhere").status == 1


def test_health_fails_while_the_one_child_is_stopped(stage: Stage, workers: Workers) -> None:
    stage.use(LEASE=LEASE)
    worker = workers.start_working()
    wait_until_passing()
    os.kill(worker.child, signal.SIGSTOP)
    wait_until_failing("No worker is alive")
    os.kill(worker.child, signal.SIGCONT)
    wait_until_passing()


@on_postgresql
def test_health_fails_while_claims_hang_though_heartbeats_come_through(
    stage: Stage, workers: Workers
) -> None:
    stage.use(LEASE=LEASE)
    worker = workers.start_working()
    wait_until_passing()
    # With nothing ready a claim takes no lock, so jobs come while the worker cannot see them.
    worker.freeze()
    stage.enqueue_acked(tasks.work, [()] * 10)
    with locked(stage):
        worker.thaw()
        wait_until_failing("its claim loop has not advanced")
        row = stage.worker_of(worker.pid)
        assert row.is_alive
        assert row.id in health().err
        # It beats for itself: no errand has to.
        assert "does not renew its lease" not in worker.log
    wait_until_passing()
    stage.wait_all_ended()
    ledger_of(stage).assert_sound()


@on_postgresql
def test_health_fails_while_the_database_answers_a_worker_nothing(
    stage: Stage, workers: Workers, proxy: Proxy
) -> None:
    stage.use(LEASE=LEASE)
    workers.start_working(database=through(stage, proxy))
    wait_until_passing()
    proxy.set_mode(Mode.BLACKHOLE)
    wait_until_failing("No worker is alive")
    proxy.set_mode(Mode.PASS)
    proxy.drop_all(by_reset=True)
    wait_until_passing()


def test_health_names_a_worker_whose_process_a_job_blocks(stage: Stage, workers: Workers) -> None:
    stage.use(LEASE=LEASE)
    worker = workers.start_working()
    stage.enqueue_acked(tasks.hold_the_lock, [(9,)])
    stage.wait_started(1)
    wait_until_failing("a job blocks its process")
    assert stage.worker_of(worker.pid).id in health().err
    stage.wait_all_ended()
    wait_until_passing()


@on_postgresql
def test_a_worker_whose_subscription_died_unheard_finds_jobs_by_looking(
    stage: Stage, workers: Workers, proxy: Proxy
) -> None:
    stage.use(LEASE=LEASE)
    proxy.mute_after(b"LISTEN ")
    workers.start_working("--poll-interval", "1.5", database=through(stage, proxy))
    for number in range(1, 4):
        wait_until(_sleeps, what="the worker to ask to be woken")
        began = perf_counter()
        stage.enqueue_acked(tasks.work, [()])
        stage.wait_all_ended()
        assert perf_counter() - began < 1.5 + 3
        wait_until(lambda least=number: proxy.muted >= least, what="a notification to be lost")
        assert health().status == 0


def _sleeps() -> bool:
    return Worker._default_manager.using(ALIAS).filter(is_idle=True).exists()
