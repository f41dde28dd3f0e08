"""Memory stays as it is however many jobs go through."""

from itertools import count
from time import monotonic
from typing import Any

import pytest

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.outcome import Outcome
from tests.lifecycle.soaking import soak_seconds
from tests.stores.jobs import claim, failure, finish, insert_many, join, retry, success
from tests.stores.places import RedisPlace, redis_client

BATCH = 2000
WARM_UP = 3


def first_retry(claimed: Claim) -> Outcome:
    """Return the outcome of a job that needs two tries."""
    return retry(claimed) if claimed.attempt == 1 else success(claimed)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.django_db(transaction=True)
def test_redis_is_no_fuller_after_many_jobs_than_after_a_few() -> None:
    store: Any = RedisPlace("default").open()
    client = redis_client()
    # Its log of slow commands holds some of their arguments, 128 times.
    client.config_set("slowlog-log-slower-than", -1)
    client.slowlog_reset()
    join(store)
    until = monotonic() + soak_seconds(at_most=300.0)
    first = 0
    for number in count():
        insert_many(store, BATCH, tenant=f"t{number % 50}")
        while claims := claim(store, 500):
            ends = [(success, failure, first_retry)[claimed.seq % 3] for claimed in claims]
            finish(store, *[end(claimed) for end, claimed in zip(ends, claims, strict=True)])
        while store.archive(BATCH):
            pass
        store.prune(BATCH)
        if number == WARM_UP:
            first = client.info("memory")["used_memory_dataset"]
        if number > WARM_UP and monotonic() > until:
            break
    assert client.info("memory")["used_memory_dataset"] < first + 200_000
    assert {key.decode().rpartition("}:")[2] for key in client.scan_iter("{taskq:contract-*")} <= {
        "seq", "epoch", "workers", "worker:host:1:worker",
    }  # fmt: skip
    store.close()
