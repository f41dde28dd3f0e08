"""Whose job ran from when to when, in files that all processes of a step fill.

Every process has a file of its own, mapped into memory, and every job a slot in it, so that
nobody waits to write. The moments are CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import Counter
from itertools import count, takewhile
from pathlib import Path
from threading import Lock
from time import monotonic_ns
from typing import NamedTuple

from tests.benchmarks import tally

SLOTS = 300_000
_SLOT = struct.Struct("qqq")
_lock = Lock()
_books: dict[int, Logbook] = {}


class Ran(NamedTuple):
    """One job: the number of its tenant, its start and its end in nanoseconds, 0 while it runs."""

    who: int
    start: int
    end: int


class Logbook:
    """The file of one process."""

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.truncate(SLOTS * _SLOT.size)
            self._memory = mmap.mmap(file.fileno(), SLOTS * _SLOT.size)
        self._free = count()

    def enter(self, who: int) -> int:
        """Note that a job starts; return its place."""
        place = next(self._free) * _SLOT.size
        _SLOT.pack_into(self._memory, place, who, monotonic_ns(), 0)
        return place

    def leave(self, place: int, who: int) -> None:
        """Note that it has ended."""
        start = _SLOT.unpack_from(self._memory, place)[1]
        _SLOT.pack_into(self._memory, place, who, start, monotonic_ns())


def current() -> Logbook:
    """Return the logbook of this process; a fork makes one of its own."""
    book = _books.get(os.getpid())
    if book is None:
        with _lock:
            pid = os.getpid()
            if pid not in _books:
                _books[pid] = Logbook(_directory() / f"ran-{pid}")
            book = _books[pid]
    return book


def read(directory: Path) -> list[Ran]:
    """Return every job of every process, in the order of their starts."""
    ran = [one for path in directory.glob("ran-*") for one in _from(path, 0)]
    return sorted(ran, key=lambda one: one.start)


class Watch:
    """Counts by tenant what has started, reading only what is new."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: Counter[Path] = Counter()
        self._started: Counter[int] = Counter()

    def started(self) -> Counter[int]:
        """Return how many jobs of each tenant have started by now."""
        for path in self._directory.glob("ran-*"):
            new = _from(path, self._read[path])
            self._read[path] += len(new)
            self._started.update(one.who for one in new)
        return self._started


def _from(path: Path, place: int) -> list[Ran]:
    """Read entries in steps: most of a file is empty."""
    found: list[Ran] = []
    with path.open("rb") as file:
        file.seek(place * _SLOT.size)
        while True:
            part = file.read(1000 * _SLOT.size)
            part = part[: len(part) // _SLOT.size * _SLOT.size]
            new = list(takewhile(lambda one: one.start, map(Ran._make, _SLOT.iter_unpack(part))))
            found += new
            if len(new) < 1000:
                return found


def _directory() -> Path:
    return Path(os.environ[tally.VARIABLE]).parent
