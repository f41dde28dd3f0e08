"""One worker process of a peer: ``python -m tests.benchmarks.worker PEER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.benchmarks import tally, traffic
from tests.benchmarks.peers import entry
from tests.benchmarks.place import Place

PLACE = "BENCHMARK_PLACE"


def main() -> None:
    """Work until told to stop by a signal."""
    peer = entry(sys.argv[1]).load(Place.load(os.environ[PLACE]))
    if traffic.VARIABLE in os.environ:
        traffic.count_statements(Path(os.environ[tally.VARIABLE]).parent)
    peer.open()
    tally.current()
    peer.work()


if __name__ == "__main__":
    main()
