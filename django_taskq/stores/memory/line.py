"""Jobs that wait, in the order of a key."""

from heapq import heapify, heappop, heappush
from typing import Any

from django_taskq.stores.memory.job import MemoryJob

# Entries of jobs that were taken out, as many as may lie in a line beside those that wait.
SLACK = 32


class Line:
    """A heap by (key, seq) that any job can leave without a search.

    `waiting` is how many stand in it, for others to read. A job knows its entry; an entry that
    its job does not know any more is passed over.
    """

    __slots__ = ("_heap", "waiting")

    def __init__(self) -> None:
        self._heap: list[tuple[Any, int, MemoryJob]] = []
        self.waiting = 0

    def __len__(self) -> int:
        return self.waiting

    def push(self, key: Any, job: MemoryJob) -> None:
        """Put a job in line."""
        job.entry = entry = (key, job.seq, job)
        heappush(self._heap, entry)
        self.waiting += 1

    def take(self, count: int) -> list[MemoryJob]:
        """Take out the first jobs, as many as there are of so many."""
        heap = self._heap
        taken: list[MemoryJob] = []
        while heap and len(taken) < count:
            entry = heappop(heap)
            job = entry[2]
            if job.entry is entry:
                job.entry = None
                taken.append(job)
        self.waiting -= len(taken)
        return taken

    def first(self) -> MemoryJob | None:
        """Return the first job, which stays in line."""
        heap = self._heap
        while heap:
            entry = heap[0]
            if entry[2].entry is entry:
                return entry[2]
            heappop(heap)
        return None

    def ahead_of(self, job: MemoryJob, most: int) -> int:
        """Count the jobs before one of this line, to `most`.

        Every entry stands behind the one that is its parent in the heap, so that those before the
        job are reached past one another alone. Entries of jobs that were taken out are walked past.
        """
        heap, own = self._heap, job.entry
        count = 0
        branches = [0]
        while branches and own is not None and count < most:
            place = branches.pop()
            if place < len(heap) and heap[place][:2] < own[:2]:
                count += heap[place][2].entry is heap[place]
                branches += (2 * place + 1, 2 * place + 2)
        return count

    def remove(self, job: MemoryJob) -> None:
        """Take a job of this line out, wherever it stands."""
        job.entry = None
        self.waiting -= 1
        if len(self._heap) > 2 * self.waiting + SLACK:
            self._heap = [entry for entry in self._heap if entry[2].entry is entry]
            heapify(self._heap)
