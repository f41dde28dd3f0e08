"""The contract, run on the store whose jobs are rows that Redis hands out."""

import pytest

from tests.stores.contract import DurableContract, GraphContract, Opened, StoreContract
from tests.stores.contracts.changing import Changing
from tests.stores.contracts.depending import Depending
from tests.stores.contracts.finishing import Finishing
from tests.stores.contracts.giving_back import GivingBack
from tests.stores.contracts.losing import Losing
from tests.stores.contracts.suspecting import Suspecting
from tests.stores.places import DurablePlace, Place, parameter


class TestContract(StoreContract, GraphContract, DurableContract):
    """It keeps every promise that any store keeps."""

    @pytest.fixture(params=[parameter(DurablePlace("postgresql"))])
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place


class TestPlainly(Opened, Finishing, Losing, GivingBack, Changing, Suspecting, Depending):
    """So it does where rows are marked and ended by statements of the plain kind."""

    @pytest.fixture(params=[parameter(DurablePlace("default"))])
    def place(self, request: pytest.FixtureRequest) -> Place:
        """The place of the store under test."""
        place: Place = request.param
        return place
