"""Jobs that are rows and are handed out by a Redis that is broken in every way: none is lost."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.enqueuing import Enqueuing
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.own_redis import OwnRedis
from tests.lifecycle.proxy import Mode, Proxy
from tests.lifecycle.soaking import soak_seconds
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers

logger = logging.getLogger(__name__)

pytestmark = pytest.mark.lifecycle
on_postgresql = pytest.mark.parametrize("stage", ["postgresql"], indirect=True)

WAITING = 300
# Seconds after which jobs start again once Redis is there; some hundred jobs are handed over.
BOUND = 8.0
# Seconds by which an enqueue may be delayed, once.
LONGEST_DELAY = 1.0
NOTICED = "Redis has lost the jobs of 'default'"

type Break = Callable[[], None]


@pytest.fixture
def redis() -> Iterator[OwnRedis]:
    """A running Redis that keeps nothing."""
    server = OwnRedis(keeps=False)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def proxy(redis: OwnRedis) -> Iterator[Proxy]:
    """What leads to the Redis, or to another one."""
    made = Proxy(redis.port)
    yield made
    made.close()


@pytest.fixture
def durable(stage: Stage, proxy: Proxy, settings: Any) -> Stage:
    """A stage whose jobs are rows, and are handed out by the Redis behind the proxy."""
    local = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    location = f"redis://127.0.0.1:{proxy.port}/0"
    jobs = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location}
    stage.backend = "django_taskq.backends.RedisBackend"
    stage.caches = settings.CACHES = {"default": local, "jobs": jobs}
    stage.use(CACHE="jobs", DURABLE=True)
    return stage


class Under:
    """Two workers and somebody who enqueues, while something is broken."""

    def __init__(self, stage: Stage, workers: Workers) -> None:
        self.stage = stage
        self.workers = [workers.start(*_ARGUMENTS), workers.start(*_ARGUMENTS)]
        for worker in self.workers:
            worker.wait_working()
        self.enqueuing = Enqueuing(stage)
        self.broken_at = 0.0

    @contextmanager
    def load(self, waiting: int = WAITING) -> Iterator[None]:
        """Have jobs wait and come in, and some of them run; see all of them end."""
        self.stage.enqueue_acked(tasks.work, [(0.02,)] * waiting)
        with self.enqueuing:
            self.stage.wait_started(20)
            yield
        self.stage.wait_all_ended(timeout=60)

    def wait_started_again(self, bound: float = BOUND, count: int = 20) -> float:
        """Wait until so many jobs have started since now; return the seconds that took."""
        begin = monotonic()
        self.stage.wait_started(self.stage.journal.count("start") + count, timeout=bound)
        return monotonic() - begin

    def wait_enqueued(self, count: int) -> None:
        """Wait until so many more were enqueued, or refused."""
        before = self.enqueuing.count
        wait_until(lambda: self.enqueuing.count >= before + count, timeout=60, what="enqueues")

    def assert_nothing_was_lost(self, *, has_repeats: bool = True) -> None:
        """Fail unless all ended once, no worker has gone, and every enqueue came back."""
        disturbed = {worker.pid for worker in self.workers} if has_repeats else set()
        ledger = ledger_of(self.stage, disturbed=disturbed)
        ledger.assert_sound()
        assert self.enqueuing.errors == []
        assert self.stage.count(State.SUCCESSFUL) == ledger.committed
        for worker in self.workers:
            assert worker.is_running
            assert len(self.stage.journal.events("joined")) >= 2
            assert worker.stop() == 0


_ARGUMENTS = ("--threads", "4", "--poll-interval", "0.2")


@pytest.fixture
def under(durable: Stage, workers: Workers) -> Under:
    """Two workers on the stage."""
    return Under(durable, workers)


def wait_noticed(workers: list[RealWorker], text: str = NOTICED) -> None:
    """Wait until one of the workers says that all was lost; only one finds it."""
    wait_until(
        lambda: any(text in worker.log for worker in workers),
        timeout=20,
        what=f"a worker to say {text!r}",
    )


# F16.


@on_postgresql
def test_a_redis_that_is_killed_and_starts_empty_loses_nothing(
    under: Under, redis: OwnRedis
) -> None:
    with under.load():
        redis.kill()
        under.wait_enqueued(20)
        redis.start()
        under.wait_started_again()
        wait_noticed(under.workers)
    under.assert_nothing_was_lost()
    assert max(under.enqueuing.seconds) < LONGEST_DELAY


# F17.


def test_a_redis_that_is_flushed_loses_nothing(under: Under, redis: OwnRedis) -> None:
    with under.load():
        redis.client.flushall()
        wait_noticed(under.workers)
        under.wait_started_again()
    under.assert_nothing_was_lost()


@on_postgresql
def test_a_redis_that_is_flushed_again_and_again_loses_nothing(
    under: Under, redis: OwnRedis
) -> None:
    with under.load():
        for _ in range(4):
            redis.client.flushall()
            under.wait_started_again()
    under.assert_nothing_was_lost()


# F18.


@on_postgresql
def test_a_replica_that_lags_behind_and_is_promoted_hands_out_nothing_twice(
    under: Under, redis: OwnRedis, proxy: Proxy
) -> None:
    between = Proxy(redis.port)
    replica = OwnRedis(keeps=False, replica_of=between.port)
    try:
        replica.start()
        # A master waits for some seconds before it sends a first copy.
        replica.wait_copied()
        with under.load(waiting=1500):
            wait_until(lambda: replica.client.dbsize() > 100, timeout=60)
            between.set_mode(Mode.BLACKHOLE)
            # What is handed out, ends and comes in from now on the replica never hears of.
            under.stage.wait_started(under.stage.journal.count("start") + 50)
            redis.kill()
            replica.client.replicaof("NO", "ONE")
            assert replica.client.dbsize() > 20, "it knows of jobs that have ended"
            proxy.lead_to(replica.port)
            wait_noticed(under.workers)
            under.wait_started_again()
        under.assert_nothing_was_lost()
        assert replica.client.info("replication")["role"] == "master"
    finally:
        replica.kill()
        between.close()


# F19.


@on_postgresql
@pytest.mark.parametrize("how", ["hangs", "pauses"])
def test_a_redis_that_hangs_delays_one_enqueue_by_less_than_a_second(
    under: Under, redis: OwnRedis, how: str
) -> None:
    seconds = 3.0
    with under.load():
        before = under.enqueuing.count
        begin = monotonic()
        if how == "hangs":
            redis.freeze()
        else:
            redis.client.client_pause(int(seconds * 1000))
        wait_until(lambda: monotonic() - begin >= seconds, what="the hang to last")
        if how == "hangs":
            redis.thaw()
        during = under.enqueuing.seconds[before:]
        assert len(during) > 50
        under.wait_started_again()
        after = len(under.enqueuing.seconds)
    under.assert_nothing_was_lost()
    assert max(under.enqueuing.seconds[before:after]) < LONGEST_DELAY
    assert sum(took > 0.25 for took in during) <= 1


# F20.


@on_postgresql
def test_a_redis_that_evicts_for_want_of_memory_loses_nothing(
    under: Under, redis: OwnRedis
) -> None:
    client = redis.client
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", "20mb")
    with under.load(waiting=100):
        # Twice as much as there is room for.
        under.stage.enqueue_acked(tasks.work, [(0.05, "x" * 50_000)] * 800)
        wait_until(lambda: client.info("stats")["evicted_keys"] > 100, what="keys to be evicted")
        under.wait_started_again()
    under.assert_nothing_was_lost()


@on_postgresql
def test_a_redis_whose_memory_is_full_is_handed_the_rest_once_it_has_room(
    under: Under, redis: OwnRedis
) -> None:
    client = redis.client
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 2_000_000)
    with under.load(waiting=100):
        under.stage.enqueue_acked(tasks.work, [(0.02, "x" * 10_000)] * 1000)
        under.wait_started_again()
    under.assert_nothing_was_lost()


# In large.

MANY = 100_000
# Seconds for so many.
REFILLED = 10.0


@pytest.mark.soak
@on_postgresql
@pytest.mark.parametrize("runs", [False, True], ids=["waiting", "running"])
def test_a_hundred_thousand_jobs_are_handed_over_again_within_ten_seconds(
    durable: Stage, redis: OwnRedis, workers: Workers, runs: bool
) -> None:
    queues = () if runs else ("--queues", "nothing")
    worker = workers.start_working("--threads", "4", "--poll-interval", "0.2", *queues)
    for _ in range(10):
        tasks.give.enqueue_many([(([],), {})] * (MANY // 10))
    client = redis.client
    jobs = "{taskq:default}:jobs"
    ended = durable.count(State.SUCCESSFUL)
    wait_until(
        lambda: client.zcard(jobs) >= MANY - ended - 5000, timeout=60, what="all to be there"
    )
    client.flushall()
    begin = monotonic()
    pause = threading.Event()
    while client.get("{taskq:default}:swept") is None or client.exists("{taskq:default}:sweep"):
        assert monotonic() - begin < 10 * REFILLED
        pause.wait(0.05)
    took = monotonic() - begin
    there = client.zcard(jobs)
    logger.warning("%d jobs were there %.1f s after Redis was flushed.", there, took)
    assert took < REFILLED
    if not runs:
        assert there == MANY
    assert worker.is_running


@pytest.mark.soak
@on_postgresql
def test_a_redis_that_is_broken_for_minutes_loses_nothing(under: Under, redis: OwnRedis) -> None:
    dice = random.Random(17)
    end = monotonic() + soak_seconds()

    def kill() -> None:
        redis.kill()
        under.wait_enqueued(50)
        redis.start()

    def hang() -> None:
        redis.freeze()
        under.wait_enqueued(200)
        redis.thaw()

    def flush() -> None:
        redis.client.flushall()

    with under.load(waiting=1000):
        while monotonic() < end:
            dice.choice([kill, hang, flush])()
            under.wait_started_again(bound=20.0, count=200)
    under.assert_nothing_was_lost()
    longest = max(under.enqueuing.seconds)
    logger.warning("%d jobs, the longest enqueue %.2f s.", under.enqueuing.count, longest)
