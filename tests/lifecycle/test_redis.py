"""What jobs in Redis survive: workers that are killed, a Redis that is, and what they do not."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import RedisError

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.own_redis import OwnRedis
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.parametrize("stage", ["sqlite"], indirect=True),
]


@pytest.fixture
def redis() -> Iterator[OwnRedis]:
    """A running Redis that the test may break."""
    server = OwnRedis()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def on_redis(stage: Stage, redis: OwnRedis, settings: Any) -> Stage:
    """A stage whose jobs live in Redis until they end."""
    local = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    jobs = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis.url}
    stage.backend = "django_taskq.backends.RedisBackend"
    stage.caches = settings.CACHES = {"default": local, "jobs": jobs}
    stage.use(CACHE="jobs", DURABLE=False, LEASE=2.0)
    return stage


def left_in(redis: OwnRedis) -> set[str]:
    """Return the last words of the keys that have no end."""
    client = redis.client
    keys = [key for key in client.scan_iter() if client.ttl(key) < 0]
    return {key.decode().partition("}:")[2].partition(":")[0] for key in keys}


def test_jobs_of_a_killed_worker_run_again_and_all_end_as_rows(
    on_redis: Stage, redis: OwnRedis, workers: Workers
) -> None:
    killed = workers.start_working("--threads", "4", "--poll-interval", "0.2")
    gate = on_redis.path("gate")
    on_redis.enqueue_acked(tasks.block, [(str(gate),)] * 4)
    on_redis.enqueue_acked(tasks.work, [(0.01,)] * 200)
    on_redis.wait_started(4)
    killed.kill()
    gate.touch()
    other = workers.start_working("--threads", "4", "--poll-interval", "0.2")
    on_redis.wait_all_ended()

    ledger = ledger_of(on_redis, disturbed={killed.pid})
    ledger.assert_sound()
    assert on_redis.count(State.SUCCESSFUL) == 204
    assert other.stop() == 0
    assert left_in(redis) <= {"seq", "epoch", "worker", "hands", "workers"}
    assert "job" not in left_in(redis)


def test_a_redis_that_is_killed_and_comes_back_with_what_it_wrote_loses_nothing(
    on_redis: Stage, redis: OwnRedis, workers: Workers
) -> None:
    worker = workers.start_working("--threads", "4", "--poll-interval", "0.2")
    on_redis.enqueue_acked(tasks.work, [(0.02,)] * 300)
    on_redis.wait_started(20)
    redis.kill()
    with pytest.raises((RedisError, OSError)):
        tasks.work.enqueue()
    worker.wait_for_log("does not answer")
    redis.start()
    on_redis.wait_all_ended()
    on_redis.enqueue_acked(tasks.work, [()] * 10)
    on_redis.wait_all_ended()

    assert worker.is_running
    assert on_redis.count(State.SUCCESSFUL) == 310
    ledger_of(on_redis, disturbed={worker.pid}).assert_sound()
    assert worker.stop() == 0


def test_a_redis_that_was_flushed_is_reported_and_later_jobs_run(
    on_redis: Stage, redis: OwnRedis, workers: Workers
) -> None:
    worker = workers.start_working("--threads", "2", "--poll-interval", "0.2")
    gate = on_redis.path("gate")
    tasks.block.enqueue_many([((str(gate),), {})] * 4)
    on_redis.wait_started(2)
    redis.client.flushall()
    worker.wait_for_log("Redis has lost all jobs of 'default'")
    gate.touch()
    later = on_redis.enqueue_acked(tasks.work, [()] * 10)
    wait_until(
        lambda: {record.state for record in on_redis.store.get(later)} == {State.SUCCESSFUL},
        timeout=30,
        what="later jobs to end",
    )
    assert worker.is_running
    assert worker.stop() == 0


def test_a_redis_whose_memory_is_full_refuses_new_jobs_and_works_off_those_it_has(
    on_redis: Stage, redis: OwnRedis, workers: Workers
) -> None:
    on_redis.enqueue_acked(tasks.work, [()] * 300)
    client = redis.client
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 100_000)
    with pytest.raises(RedisError):
        tasks.work.enqueue()
    worker = workers.start_working("--threads", "4", "--poll-interval", "0.2")
    on_redis.wait_all_ended()
    client.config_set("maxmemory", 0)

    on_redis.enqueue_acked(tasks.work, [()] * 10)
    on_redis.wait_all_ended()
    assert on_redis.count(State.SUCCESSFUL) == 310
    ledger_of(on_redis).assert_sound()
    assert worker.stop() == 0
