"""Make the tables of a peer in an empty database."""

from __future__ import annotations

from tests.benchmarks.steps.bench import Bench


def prepare(bench: Bench) -> dict[str, float]:
    """Leave a database from which the others are copied."""
    bench.peer.prepare()
    return {}
