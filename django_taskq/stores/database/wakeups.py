"""Waiting for work and for results where the database tells nobody: by looking now and then."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from django_taskq.jobs.ids import parse_id
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.reads import CHUNK, Reads
from django_taskq.stores.wakeup import Wakeup

MOST_WORKERS = 256

# Seconds between two looks for ready work: short just after a worker has run out of it, long
# once it has been idle, when its own claims at the end of each wait are enough.
FIRST_LOOK = 0.01
LAST_LOOK = 0.5

# Seconds between two looks for a result.
SHORTEST_LOOK = 0.001
LONGEST_LOOK = 0.05
LONGEST_REST = 1.0

# Seconds for which a job that was never seen may be one that is not committed yet.
UNSEEN_GRACE = 5.0


class Watch:
    """Sleeps between two looks for a result."""

    def __init__(self) -> None:
        self._pause = Wakeup()

    def rest(self, look: float, longest: float) -> None:
        """Sleep for a look's time, or longer where it is known that nothing has changed."""
        self._pause.wait(min(look, longest))


class _Awaited:
    """The jobs whose end somebody waits for.

    A job that was seen and is no longer there is gone. One that was never seen may belong to a
    transaction that is still open, and counts as gone when it has not come after a while.
    """

    def __init__(self, reads: Reads, ids: Iterable[str]) -> None:
        self._reads = reads
        # What is no id at all stands for no job and never will.
        self._left = [id for id in map(parse_id, ids) if id is not None]
        self._seen: set[str] = set()
        self._unseen_until = time.monotonic() + UNSEEN_GRACE

    def are_left(self) -> bool:
        """Look until one is found that has neither ended nor gone; tell whether there is any."""
        while self._left:
            head = self._left[:CHUNK]
            ended = self._reads.ended(head)
            self._seen.update(ended)
            still = [id for id in head if not ended.get(id, self._is_gone(id))]
            self._left[:CHUNK] = still
            if still:
                return True
        return False

    def _is_gone(self, id: str) -> bool:
        return id in self._seen or time.monotonic() >= self._unseen_until


class Wakeups:
    """Waits by polling. Databases that can tell of changes override what they can do better."""

    def __init__(self, place: Place, reads: Reads) -> None:
        self.place = place
        self.reads = reads
        self._looks: OrderedDict[str, float] = OrderedDict()

    def announce(self) -> None:
        """Tell idle workers, once the caller's transaction is committed, that work has come."""

    def arm(self, worker_id: str) -> None:
        """Ask to be woken by inserts from now on."""

    def disarm(self, worker_id: str) -> None:
        """Ask for no more wake-ups."""
        self._looks.pop(worker_id, None)

    def found(self, worker_id: str) -> None:
        """Take note that a worker has found work: when it has none again, it looks often."""
        self._looks.pop(worker_id, None)

    def forget(self, worker_id: str) -> None:
        """Drop what is kept about a worker."""
        self._looks.pop(worker_id, None)

    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until work has come, the wakeup is raised, or the seconds are over."""
        deadline = time.monotonic() + timeout
        look = self._looks.get(worker_id, FIRST_LOOK)
        try:
            while look < LAST_LOOK:
                left = deadline - time.monotonic()
                if wakeup.wait(max(0.0, min(look, left))) or left <= look:
                    return
                look *= 2
                if self.reads.has_ready():
                    return
        finally:
            self._remember(worker_id, look)
        wakeup.wait(max(0.0, deadline - time.monotonic()))

    def wait_ended(self, ids: Sequence[str], timeout: float | None) -> bool:
        """Block until all these jobs have ended or are gone; False when the seconds are over.

        Inside a transaction whose isolation is REPEATABLE READ or stricter, and on SQLite inside
        any, the jobs' end cannot be seen.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        awaited = _Awaited(self.reads, ids)
        watch = self.watch()
        look = SHORTEST_LOOK
        while awaited.are_left():
            remaining = LONGEST_REST if deadline is None else deadline - time.monotonic()
            if remaining <= 0:
                return False
            watch.rest(look, min(remaining, LONGEST_REST))
            look = min(LONGEST_LOOK, look * 1.3)
        return True

    def watch(self) -> Watch:
        """Start to watch for changes."""
        return Watch()

    def close(self) -> None:
        """Give up what is held open."""
        self._looks.clear()

    def _remember(self, worker_id: str, look: float) -> None:
        self._looks[worker_id] = look
        self._looks.move_to_end(worker_id)
        if len(self._looks) > MOST_WORKERS:
            self._looks.popitem(last=False)
