"""Floods of tenants, and of one tenant's jobs, cost a claim nothing and memory next to nothing."""

from collections import Counter
from collections.abc import Callable

import psutil
import pytest

from django_taskq.jobs.claim import Claim
from django_taskq.stores.base import Store
from tests.lifecycle.paces import Pace, insert_all, work_off
from tests.lifecycle.stage import Stage

pytestmark = pytest.mark.lifecycle

BATCH = 100
LONGEST_CLAIM = 10.0
MOST_GROWTH = 40_000_000


def test_10000_tenants_beside_a_flood_are_served_in_turn_and_at_speed(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    flood(stage.store, tenants=10_000, of_one=20_000)
    pace = work_a_round(stage.store, tenants=10_000, record_property=record_property)

    # Other tests take the processor meanwhile; a walk over the tenants would take far longer yet.
    # What a claim takes on a machine that has nothing else to do, the soak tests measure.
    assert pace.percentile(25) <= 10 * LONGEST_CLAIM


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_100000_tenants_beside_a_million_jobs_are_served_in_turn_and_at_speed(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    flood(stage.store, tenants=100_000, of_one=1_000_000)
    pace = work_a_round(stage.store, tenants=100_000, record_property=record_property)

    assert pace.percentile(99) <= LONGEST_CLAIM


def flood(store: Store, *, tenants: int, of_one: int) -> None:
    """Insert a job for each of many tenants between the two halves of a flood of one."""
    insert_all(store, ("flood" for _ in range(of_one // 2)))
    insert_all(store, (f"t{number:06}" for number in range(tenants)))
    insert_all(store, ("flood" for _ in range(of_one // 2)))


def work_a_round(
    store: Store, *, tenants: int, record_property: Callable[[str, object], None]
) -> Pace:
    """Work off as many jobs as there are tenants; each of them must have been served."""
    served: Counter[str] = Counter()
    process = psutil.Process()
    work_off(store, BATCH, lambda pace: pace.jobs >= 10 * BATCH, count_into(served))
    before = process.memory_info().rss
    pace = work_off(store, BATCH, lambda pace: served.total() > tenants, count_into(served))
    growth = process.memory_info().rss - before

    record_property("pace", str(pace))
    record_property("growth in MB", round(growth / 1_000_000, 1))
    # A claim looks at a part of the ring; the flood stands in one place of it.
    assert served.total() - served["flood"] >= tenants - BATCH
    assert max(count for tenant, count in served.items() if tenant != "flood") == 1
    assert growth < MOST_GROWTH
    return pace


def count_into(served: Counter[str]) -> Callable[[list[Claim]], None]:
    """Return what counts the tenants of claims."""
    return lambda claims: served.update(claimed.tenant for claimed in claims)
