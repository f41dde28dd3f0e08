"""huey on its own SQLite storage, which sets WAL itself."""

from __future__ import annotations

from typing import Any

from huey import SqliteHuey

from tests.benchmarks.peers.huey_peer import HueyPeer


class HueySqlitePeer(HueyPeer):
    def make_queue(self) -> Any:
        return SqliteHuey("benchmark", filename=self.place.name)


PEER = HueySqlitePeer
