"""The contract, run on the store whose jobs are rows that Redis hands out."""

import pytest

from tests.stores.contract import DurableContract, GraphContract, StoreContract
from tests.stores.places import DurablePlace, Place, parameter


class TestContract(StoreContract, GraphContract, DurableContract):
    """It keeps every promise that any store keeps."""

    @pytest.fixture(params=[parameter(DurablePlace("postgresql"))])
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place
