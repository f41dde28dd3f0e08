"""A record of what happened, kept outside of the system under test.

One append-only file per process and one `write` per line: what was written outlives SIGKILL.
"""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from time import monotonic
from typing import NamedTuple

DIRECTORY_VARIABLE = "TASKQ_LIFECYCLE_JOURNAL"


class Event(NamedTuple):
    """One line. `at` is the monotonic clock of the machine, the same in all its processes.

    `group` is the process group: the pid of the supervisor whose child wrote it.

    Kinds: `acked` of an enqueue, `unknown` of one that raised, noting its token; `start` and
    `effect` of an attempt; `accepted`, `retried` and `refused` of its end; `joined` of a worker;
    `error` of anything that a user would have seen.
    """

    kind: str
    job: str
    attempt: int
    worker: str
    pid: int
    at: float
    note: str
    group: int


class Journal:
    """The journal of one test: a directory with a file for each process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._descriptor: int | None = None
        self._pid = 0

    def write(
        self, kind: str, job: str = "", attempt: int = 0, *, worker: str = "", note: str = ""
    ) -> None:
        """Append one event; it is in the file when this returns."""
        event = Event(kind, job, attempt, worker, os.getpid(), monotonic(), note, os.getpgrp())
        os.write(self._file(), json.dumps(event).encode() + b"\n")

    def events(self, *kinds: str) -> list[Event]:
        """Return what every process has written so far, in the order of time."""
        # One file is read after the other: what is younger would stand there without what came
        # before it in another process.
        until = monotonic()
        events = [
            Event(*json.loads(line)) for complete in self._files() for line in complete.splitlines()
        ]
        return sorted(
            (e for e in events if e.at <= until and (not kinds or e.kind in kinds)),
            key=lambda event: event.at,
        )

    def count(self, kind: str) -> int:
        """Return how many events of a kind there are so far."""
        start = f'["{kind}"'.encode()
        return sum(complete.count(start) for complete in self._files())

    def _files(self) -> Iterator[bytes]:
        for path in self.directory.glob("*.jsonl"):
            # What follows the last line break is still being written, or never will be.
            yield path.read_bytes().rpartition(b"\n")[0]

    def close(self) -> None:
        """Close the file of this process."""
        if self._descriptor is not None and self._pid == os.getpid():
            os.close(self._descriptor)
        self._descriptor = None

    def _file(self) -> int:
        if self._descriptor is None or self._pid != os.getpid():
            self._pid = os.getpid()
            path = self.directory / f"{self._pid}.jsonl"
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        return self._descriptor


@cache
def journal_of_process() -> Journal:
    """Return the journal that the test handed down to this process."""
    return Journal(Path(os.environ[DIRECTORY_VARIABLE]))
