"""How long it takes to hand over again a hundred thousand jobs that Redis has lost."""

import logging
from time import perf_counter
from typing import Any

import pytest

from tests.stores.durable.losses import flush
from tests.stores.jobs import join, spec
from tests.stores.places import DurablePlace, places_with_both

logger = logging.getLogger(__name__)

MANY = 100_000
TENANTS = 100
# Seconds for so many.
REFILLED = 10.0


@pytest.mark.soak
@pytest.mark.parametrize("place", places_with_both())
def test_a_hundred_thousand_jobs_are_there_again_within_ten_seconds(place: DurablePlace) -> None:
    store: Any = place.open()
    for start in range(0, MANY, 5000):
        store.rows.insert([spec(tenant=f"t{n % TENANTS}") for n in range(start, start + 5000)])
    began = perf_counter()
    flush(store)
    join(store)
    while store.sweep() == 0.0 or len(store.line.sweeping.known(0, MANY)) < MANY:
        assert perf_counter() - began < 20 * REFILLED
    took = perf_counter() - began
    logger.warning("%d jobs were there again after %.1f s on %s.", MANY, took, place.name)
    store.close()
    assert took < REFILLED
