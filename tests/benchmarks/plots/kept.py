"""What runs have left in the environment of the benchmarks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.medians import Runs
from tests.benchmarks.peers import ENTRIES

type Key = tuple[str, str]


@dataclass(frozen=True)
class Kept:
    """Runs, reasons and series of each figure and peer, as a session has them."""

    about: dict[str, str]
    runs: dict[Key, Runs]
    reasons: dict[Key, str]
    series: dict[Key, list[Any]]

    @classmethod
    def load(cls, path: Path) -> Kept:
        """Read what `report.write_json` wrote, peers in their order, whichever ran last."""
        kept = json.loads(path.read_text())
        peers = {
            (figure, name): peer
            for figure, names in kept["figures"].items()
            for name, peer in sorted(names.items(), key=lambda item: _place(item[0]))
        }
        return cls(
            kept["about"],
            {key: peer["runs"] for key, peer in peers.items() if "runs" in peer},
            {key: peer["not_measured"] for key, peer in peers.items() if "not_measured" in peer},
            {key: peer["series"] for key, peer in peers.items() if "series" in peer},
        )


def _place(name: str) -> int:
    names = [entry.name for entry in ENTRIES]
    peer = name.partition(" ")[0]
    return names.index(peer) if peer in names else len(names)
