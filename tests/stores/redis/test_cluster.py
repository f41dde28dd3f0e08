"""The store on a Redis Cluster of one node, which refuses what is not all in one slot."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.deadlines import wait_until
from tests.lifecycle.own_redis import OwnRedis
from tests.servers.process import free_port
from tests.stores.contract import Opened
from tests.stores.contracts.claiming import Claiming
from tests.stores.contracts.finishing import Finishing
from tests.stores.contracts.foreseeing import Foreseeing
from tests.stores.contracts.keeping import Keeping
from tests.stores.contracts.limiting import Limiting
from tests.stores.contracts.naming import Naming
from tests.stores.contracts.waking import Waking
from tests.stores.contracts.xcom import XComs
from tests.stores.places import Place, RedisPlace

SLOTS = 16_384
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Redis]:
    """A client, as for any server, of a cluster whose one node has all slots."""
    # Nodes talk on a port 10,000 higher where none is named, which there may not be.
    server = OwnRedis("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    server.start()
    client = server.client
    try:
        client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
        wait_until(
            lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok",
            what="the cluster to have all its slots",
        )
        yield client
    finally:
        client.close()
        server.kill()


class TestOneNode(
    Opened, Claiming, Finishing, Limiting, Naming, Waking, Keeping, XComs, Foreseeing
):
    """What goes through every script keeps its promises there too."""

    @pytest.fixture
    def place(self, cluster: Redis) -> Place:
        """A place in the cluster."""
        return RedisPlace("default", lambda: cluster)
