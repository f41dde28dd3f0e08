"""Send very many jobs through Redis: ``python -m tests.benchmarks.million [JOBS] [WORKERS]``.

Each worker is a process. Jobs come in as fast as they go, so that some thousands wait, and
the memory that Redis uses is read on the way; in the end, once everything is archived, what is
left is counted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from tests.benchmarks.databases import Databases
from tests.benchmarks.deadline import until
from tests.benchmarks.peers import entry
from tests.benchmarks.processes import worker
from tests.benchmarks.tally import VARIABLE, Tally
from tests.benchmarks.worker import PLACE

NAME = "ours/redis"
BATCH = 5000
MOST_WAITING = 10_000
READINGS = 10
PATIENCE = 300


def main() -> None:
    """Make a place, send jobs through it, print."""
    jobs, workers = (int(given) for given in [*sys.argv[1:], "1000000", "2"][:2])
    with TemporaryDirectory() as directory, ExitStack() as stack:
        place = stack.enter_context(Databases(Path(directory)).empty("redis"))
        tally = Path(directory) / "tally"
        os.environ |= {PLACE: place.dump(), VARIABLE: str(tally)}
        Tally.create(tally)
        peer: Any = entry(NAME).load(place)
        peer.open()
        peer.prepare()
        for number in range(workers):
            home = Path(directory) / str(number)
            home.mkdir()
            stack.enter_context(worker(NAME, home))
        for line in measure(peer, jobs):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def measure(peer: Any, jobs: int) -> Iterator[str]:
    """Yield what was measured, a line each."""
    from django.apps import apps

    from django_taskq.control import store_of

    store = store_of("default")
    client = store.scripts.client()
    names = {name: store.scripts.keys.name(name) for name in ("jobs", "ended")}
    began = monotonic()
    for sent in range(BATCH, jobs + 1, BATCH):
        peer.enqueue_many(BATCH)
        until(lambda: waiting(client, names) < MOST_WAITING, PATIENCE, "room", step=0.01)
        if sent % (jobs // READINGS) == 0:
            yield (
                f"{sent:,} jobs after {monotonic() - began:.0f} s: used_memory "
                f"{used(client):.1f} MB, {client.zcard(names['jobs']):,} jobs in Redis, "
                f"{client.zcard(names['ended']):,} of them ended"
            )
    until(lambda: client.zcard(names["jobs"]) == 0, PATIENCE, "everything to be archived", 0.05)
    seconds = monotonic() - began
    rows = apps.get_model("django_taskq", "Job").objects.count()
    yield (
        f"all archived after {seconds:.0f} s, {jobs / seconds:,.0f} jobs/s through both: "
        f"used_memory {used(client):.1f} MB, {client.dbsize()} keys, {rows:,} rows"
    )


def waiting(client: Any, names: dict[str, str]) -> int:
    """Return how many jobs have not ended."""
    return int(client.zcard(names["jobs"]) - client.zcard(names["ended"]))


def used(client: Any) -> float:
    """Return the memory that Redis uses, in MB."""
    return float(client.info("memory")["used_memory"]) / 1e6


if __name__ == "__main__":
    main()
