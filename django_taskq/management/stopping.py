"""Asking workers to stop, by the names that people know them by."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django_taskq.control import store_of
from django_taskq.jobs.workers import WorkerRecord


class Asked(NamedTuple):
    """A worker that was asked to stop."""

    backend: str
    id: str


def ask_to_stop(names: Sequence[str], aliases: Iterable[str]) -> tuple[list[Asked], list[str]]:
    """Ask the live workers of these names to stop.

    Return those that were asked, and the names that no live worker has. A name is a worker's id,
    that id without its end, or what `--name` gave it, which all pools of a process have.
    """
    asked: list[Asked] = []
    found: set[str] = set()
    for alias in aliases:
        store = store_of(alias)
        known = {worker.id: worker for worker in store.insights().workers if worker.is_alive}
        wanted = [id for id, worker in known.items() if not found_in(worker).isdisjoint(names)]
        for id in store.ask_stop(wanted):
            asked.append(Asked(alias, id))
            found |= found_in(known[id])
    return asked, [name for name in names if name not in found]


def found_in(worker: WorkerRecord) -> set[str]:
    """Return the names by which a worker is found."""
    return set(_names(worker))


def _names(worker: WorkerRecord) -> Iterator[str]:
    yield worker.id
    yield worker.name
    # Named pools carry the name of their process in front of their own.
    yield worker.name.partition("/")[0]
