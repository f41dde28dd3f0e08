"""Where ready jobs stand."""

from collections.abc import Collection, Mapping

from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.spec import Band
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.offer import Offer
from django_taskq.stores.memory.ring import Ring


class Lanes:
    """A ring of tenants for each band, queue and gate; only rings with ready jobs stand here."""

    def __init__(self) -> None:
        self._bands: tuple[dict[str, dict[str, Ring]], ...] = ({}, {})
        self._lines = 0

    def push(self, job: MemoryJob) -> None:
        """Put a job into its lane."""
        spec = job.spec
        band = Band.REGULAR if spec.priority < 100 else Band.CRITICAL
        queues = self._bands[band]
        gates = queues.get(spec.queue)
        if gates is None:
            gates = queues[spec.queue] = {}
        ring = gates.get(spec.gate)
        if ring is None:
            ring = gates[spec.gate] = Ring(spec.queue, band)
        self._lines += ring.push(job)

    def remove(self, job: MemoryJob) -> None:
        """Take a job out of its lane, wherever it stands there."""
        spec = job.spec
        line = self._bands[spec.band][spec.queue][spec.gate].line(spec.tenant)
        assert line is not None
        line.remove(job)
        if not line:
            self.tidy(job)

    def tidy(self, job: MemoryJob) -> None:
        """Take away the line that a job was the last to leave, and its ring if that is empty."""
        spec = job.spec
        queues = self._bands[spec.band]
        gates = queues[spec.queue]
        ring = gates[spec.gate]
        ring.leave(spec.tenant)
        self._lines -= 1
        if not ring:
            del gates[spec.gate]
            if not gates:
                del queues[spec.queue]

    def ahead_of(self, job: MemoryJob, most: int) -> int:
        """Count the jobs before one in its lane, to `most`."""
        spec = job.spec
        line = self._bands[spec.band][spec.queue][spec.gate].line(spec.tenant)
        return 0 if line is None else line.ahead_of(job, most)

    def waiting_in(self, queue: str, most: int) -> int:
        """Count the ready jobs of a queue, to `most`."""
        count = 0
        for queues in self._bands:
            for ring in queues.get(queue, {}).values():
                count += ring.waiting(most - count)
                if count >= most:
                    return most
        return count

    def __bool__(self) -> bool:
        return self._lines > 0

    def lone(self) -> Offer | None:
        """Return the one lane that has ready jobs, None where there are several, or a gate."""
        if self._lines != 1:
            return None
        for queues in self._bands:
            for gates in queues.values():
                ring = gates.get(NO_GATE)
                return None if ring is None else ring.first()
        return None

    def queues(self, band: int) -> Collection[str]:
        """Return the queues with ready jobs in a band."""
        return self._bands[band].keys()

    def rings(self, band: int, queue: str) -> Mapping[str, Ring]:
        """Return the rings of a queue that has ready jobs, by gate."""
        return self._bands[band][queue]
