"""The store on a Redis Cluster of one node, which refuses what is not all in one slot."""

import atexit
from functools import cache

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests import servers
from tests.deadlines import wait_until
from tests.servers.process import free_port, server_directory, start_server
from tests.servers.valkey import program_of
from tests.stores.contract import Opened
from tests.stores.contracts.claiming import Claiming
from tests.stores.contracts.finishing import Finishing
from tests.stores.contracts.foreseeing import ForeseeingStarts
from tests.stores.contracts.keeping import Keeping
from tests.stores.contracts.limiting import Limiting
from tests.stores.contracts.naming import Naming
from tests.stores.contracts.waking import Waking
from tests.stores.contracts.xcom import XComs
from tests.stores.places import Place, RedisPlace

SLOTS = 16_384
pytestmark = pytest.mark.django_db(transaction=True)


@cache
def cluster() -> Redis:
    """Return a client, as for any server, of a cluster whose one node has all slots."""
    program = program_of(servers.url_of("valkey"))
    directory = server_directory("cluster")
    options = ["--bind", "127.0.0.1", "--dir", str(directory), "--cluster-enabled", "yes"]
    # Nodes talk on a port 10,000 higher where none is named, which there may not be.
    options += ["--cluster-port", str(free_port())]
    port = start_server(
        lambda port: [program, "--port", str(port), *options], directory, answers=_answers
    )
    client = Redis(port=port)
    atexit.register(client.close)
    client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
    wait_until(
        lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok",
        what="the cluster to have all its slots",
    )
    return client


def _answers(port: int) -> bool:
    try:
        with Redis(port=port) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


class TestOneNode(
    Opened, Claiming, Finishing, Limiting, Naming, Waking, Keeping, XComs, ForeseeingStarts
):
    """What goes through every script keeps its promises there too."""

    @pytest.fixture
    def place(self) -> Place:
        """A place in the cluster."""
        return RedisPlace("default", cluster)
