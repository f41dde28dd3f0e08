"""huey on PostgreSQL by way of peewee, its storage for any SQL database."""

from __future__ import annotations

from typing import Any

from huey.contrib.sql_huey import SqlHuey

from tests.benchmarks.peers.huey_peer import HueyPeer


class HueyPeeweePeer(HueyPeer):
    def make_queue(self) -> Any:
        return SqlHuey("benchmark", database=self.place.dsn)


PEER = HueyPeeweePeer
