"""huey on its Redis storage, whose consumer blocks on a list."""

from __future__ import annotations

from typing import Any

from huey import RedisHuey

from tests.benchmarks.peers.huey_peer import HueyPeer


class HueyRedisPeer(HueyPeer):
    def make_queue(self) -> Any:
        return RedisHuey("benchmark", host=self.place.host, port=self.place.port)


PEER = HueyRedisPeer
