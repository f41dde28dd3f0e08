"""What the Redis store promises beyond what tests/stores/test_contract.py runs on it."""

import pytest

from tests.stores.contract import Opened
from tests.stores.contracts.foreseeing import ForeseeingStarts
from tests.stores.contracts.keeping import Retaining
from tests.stores.contracts.limiting import LimitingSuspects
from tests.stores.contracts.suspecting import Suspecting
from tests.stores.places import Place, redis_places


class TestRedisContract(Opened, Suspecting, Retaining, LimitingSuspects, ForeseeingStarts):
    """What other stores promise beyond the contract of all, but for transactions and edges."""

    @pytest.fixture(params=redis_places())
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place
