"""Wake-ups on SQLite: `PRAGMA data_version` tells, without reading the file, that it changed."""

import time
from typing import Any

from django_taskq.stores.database.place import Place
from django_taskq.stores.database.vendors.sqlite.changed import data_version
from django_taskq.stores.database.wakeups import Wakeups, Watch
from django_taskq.stores.wakeup import Wakeup

# Seconds between two looks: a hundred a second cost about half a percent of a core.
LOOK = 0.01


class SqliteWakeups(Wakeups):
    """Sleeps until another connection has written and work is ready."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._versions: dict[str, int] = {}

    def arm(self, worker_id: str) -> None:
        """Remember how the file stands before the worker's last look at it. Writes nothing."""
        self._versions[worker_id] = data_version(self.place)

    def disarm(self, worker_id: str) -> None:
        """Forget how the file stood."""
        self._versions.pop(worker_id, None)

    def forget(self, worker_id: str) -> None:
        """Drop what is kept about a worker."""
        self._versions.pop(worker_id, None)

    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until work has come, the wakeup is raised, or the seconds are over."""
        deadline = time.monotonic() + timeout
        seen = self._versions.get(worker_id)
        while not wakeup.is_set():
            version = data_version(self.place)
            if version != seen:
                seen = self._versions[worker_id] = version
                if self.reads.has_ready():
                    return
            left = deadline - time.monotonic()
            if left <= 0 or wakeup.wait(min(LOOK, left)):
                return

    def watch(self) -> Watch:
        """Start to watch for changes."""
        return _FileWatch(self.place)

    def close(self) -> None:
        """Give up what is held open."""
        self._versions.clear()


class _FileWatch(Watch):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._version = data_version(place)

    def rest(self, look: float, longest: float) -> None:
        """Sleep until somebody has written, or the seconds are over."""
        end = time.monotonic() + longest
        while (left := end - time.monotonic()) > 0:
            self._pause.wait(min(look, LOOK, left))
            version = data_version(self._place)
            if version != self._version:
                self._version = version
                return
