"""The one test body that every store passes."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.contracts.amending import Amending, AmendingSuspects
from tests.stores.contracts.changing import Changing
from tests.stores.contracts.claiming import Claiming
from tests.stores.contracts.counting import Counting
from tests.stores.contracts.depending import Depending, GivingUp
from tests.stores.contracts.fairness import Fairness
from tests.stores.contracts.finishing import Finishing
from tests.stores.contracts.foreseeing import Foreseeing
from tests.stores.contracts.freeing import Freeing
from tests.stores.contracts.giving_back import GivingBack
from tests.stores.contracts.glancing import Glancing
from tests.stores.contracts.growing import Growing
from tests.stores.contracts.inserting import Inserting
from tests.stores.contracts.keeping import Keeping, Retaining
from tests.stores.contracts.leasing import Leasing
from tests.stores.contracts.limiting import Limiting, LimitingSuspects
from tests.stores.contracts.losing import Losing
from tests.stores.contracts.moving import Moving
from tests.stores.contracts.naming import Naming
from tests.stores.contracts.origins import Origins
from tests.stores.contracts.racing import Racing, RacingInTransactions
from tests.stores.contracts.rolling_up import RollingUp
from tests.stores.contracts.suspecting import Suspecting
from tests.stores.contracts.trying import Trying
from tests.stores.contracts.waking import Waking
from tests.stores.contracts.xcom import XComs
from tests.stores.places import Place


class Opened:
    """Stores for a test body. A subclass gives a `place` fixture."""

    @pytest.fixture
    def store(self, place: Place) -> Iterator[Store]:
        """A store of this place on its own clock."""
        opened = place.open()
        yield opened
        opened.close()

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """A clock that moves when it is told to."""
        return FrozenClock(datetime.now(UTC))

    @pytest.fixture
    def frozen(self, place: Place, clock: FrozenClock) -> Iterator[Store]:
        """A store of this place on the clock that stands still."""
        opened = place.open(clock)
        yield opened
        opened.close()


class StoreContract(
    Opened, Inserting, Claiming, Fairness, Finishing, Changing, Leasing, Losing, Keeping, Waking,
    Limiting, Moving, Naming, Freeing, Racing, Trying, GivingBack, Origins, XComs, RollingUp,
    Amending, Counting, Glancing,
):  # fmt: skip
    """What every store promises."""


class GraphContract(Opened, Depending, Growing, Foreseeing):
    """What a store promises beyond, in which jobs may wait for others."""


class DurableContract(
    Opened,
    Suspecting,
    Retaining,
    LimitingSuspects,
    RacingInTransactions,
    GivingUp,
    AmendingSuspects,
):
    """What a store promises beyond, whose jobs outlive a process."""
