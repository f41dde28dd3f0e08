"""huey on its own PostgreSQL storage, which wakes its consumer with NOTIFY."""

from __future__ import annotations

from typing import Any

from huey import PostgresHuey

from tests.benchmarks.peers.huey_peer import HueyPeer


class HueyPostgresqlPeer(HueyPeer):
    def make_queue(self) -> Any:
        return PostgresHuey("benchmark", dsn=self.place.dsn)


PEER = HueyPostgresqlPeer
