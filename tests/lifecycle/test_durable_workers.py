"""What jobs that are rows and are handed out by Redis survive: workers that stop and are killed."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from django_taskq import chain, group
from django_taskq.jobs.states import State
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.own_redis import OwnRedis
from tests.lifecycle.stage import Stage
from tests.lifecycle.test_pipelines import assert_in_order, killing
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

SECONDS = 0.005
ARGUMENTS = ("--threads", "4", "--poll-interval", "0.2")


@pytest.fixture
def redis() -> Iterator[OwnRedis]:
    """A running Redis of the test's own."""
    server = OwnRedis()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def durable(stage: Stage, redis: OwnRedis, settings: Any) -> Stage:
    """A stage whose jobs are rows, and are handed out by Redis."""
    local = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    jobs = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis.url}
    stage.backend = "django_taskq.backends.RedisBackend"
    stage.caches = settings.CACHES = {"default": local, "jobs": jobs}
    stage.use(CACHE="jobs", DURABLE=True, LEASE=2.0, MAX_LOST=100)
    return stage


def jobs_in(redis: OwnRedis) -> list[bytes]:
    """Return the keys of jobs that Redis still holds."""
    return [key for key in redis.client.scan_iter() if b"}:job" in key or b"}:hand" in key]


def test_jobs_of_a_killed_worker_run_again_and_nothing_stays_in_redis(
    durable: Stage, redis: OwnRedis, workers: Workers
) -> None:
    killed = workers.start_working(*ARGUMENTS)
    gate = durable.path("gate")
    durable.enqueue_acked(tasks.block, [(str(gate),)] * 4)
    durable.enqueue_acked(tasks.work, [(0.01,)] * 200)
    durable.wait_started(4)
    killed.kill()
    gate.touch()
    other = workers.start_working(*ARGUMENTS)
    durable.wait_all_ended()

    ledger_of(durable, disturbed={killed.pid}).assert_sound()
    assert durable.count(State.SUCCESSFUL) == 204
    assert other.stop() == 0
    assert jobs_in(redis) == []


def test_a_worker_that_stops_gives_back_what_it_has_not_begun(
    durable: Stage, redis: OwnRedis, workers: Workers
) -> None:
    first = workers.start_working(*ARGUMENTS)
    durable.enqueue_acked(tasks.work, [(0.05,)] * 400)
    durable.wait_started(8)
    assert first.stop() == 0
    left = durable.store.insights().depth()
    assert 0 < left < 400
    assert durable.store.insights().depth(State.READY) == left
    workers.start_working(*ARGUMENTS)
    durable.wait_all_ended()

    ledger_of(durable, disturbed=set()).assert_sound()
    assert durable.count(State.SUCCESSFUL) == 400
    assert jobs_in(redis) == []


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_a_pipeline_survives_workers_that_are_killed_at_random(
    durable: Stage, redis: OwnRedis, workers: Workers
) -> None:
    width = 8
    step = tasks.work.s(SECONDS)
    diamonds = group([chain(step, group(step, step), step) for _ in range(width)])
    items = [SECONDS] * width
    mapped = tasks.give.s(items) >> tasks.work.map() >> tasks.count.using(task_id="join")
    run = (diamonds | mapped).enqueue()
    worker = workers.start_working("--threads", "4", "--processes", "2")
    with killing(worker, random.Random(width), 3.0):
        durable.wait_all_ended(timeout=200.0)
    run.refresh()
    assert run.status == "SUCCESSFUL"
    assert run.results["join"].return_value == width
    assert_in_order(durable, run)
    assert worker.stop() == 0
    assert jobs_in(redis) == []
