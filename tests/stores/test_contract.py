"""The contract, run on every store there is."""

import pytest

from tests.stores.contract import DurableContract, GraphContract, StoreContract
from tests.stores.places import Place, durable_places, every_place, places_with_edges


class TestContract(StoreContract):
    """All stores keep the same promises."""

    @pytest.fixture(params=every_place())
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place


class TestGraphContract(GraphContract):
    """All stores in which jobs may wait for others keep some more."""

    @pytest.fixture(params=places_with_edges())
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place


class TestDurableContract(DurableContract):
    """All stores in databases keep some more."""

    @pytest.fixture(params=durable_places())
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place
