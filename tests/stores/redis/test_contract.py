"""The contract, run on the Redis store."""

import pytest

from tests.stores.contract import Opened, StoreContract
from tests.stores.contracts.keeping import Retaining
from tests.stores.contracts.limiting import LimitingSuspects
from tests.stores.contracts.suspecting import Suspecting
from tests.stores.places import Place, redis_places


class OnRedis:
    """Gives the place to a test body."""

    @pytest.fixture(params=redis_places())
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place


class TestRedisContract(OnRedis, StoreContract):
    """The promises of all stores."""


class TestRedisApart(OnRedis, Opened, Suspecting, Retaining, LimitingSuspects):
    """The promises of stores whose jobs outlive a process, but those about transactions."""
