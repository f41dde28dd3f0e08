"""Which pipeline runs go on: what their jobs returned is kept, since others may be given it."""

from collections import Counter

from django_taskq.stores.memory.job import MemoryJob


class OpenRuns:
    """Counts the jobs of each run that may still run, and keeps ended ones for these."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._kept: dict[str, dict[str, MemoryJob]] = {}

    def enter(self, job: MemoryJob) -> None:
        """Count a job that is to run, or may after all."""
        run_id = _run_of(job)
        if run_id is not None:
            self._open[run_id] += 1

    def leave(self, job: MemoryJob) -> dict[str, MemoryJob]:
        """Count a job no more that has ended, or is blocked; return what is kept no longer."""
        run_id = _run_of(job)
        if run_id is None:
            return {}
        self._open[run_id] -= 1
        if self._open[run_id] > 0:
            return {}
        del self._open[run_id]
        return self._kept.pop(run_id, {})

    def keep(self, job: MemoryJob) -> bool:
        """Take an ended job whose turn it is to be forgotten; False where nobody needs it."""
        run_id = _run_of(job)
        if run_id is None or run_id not in self._open:
            return False
        self._kept.setdefault(run_id, {})[job.spec.id] = job
        return True

    def take(self, job: MemoryJob) -> bool:
        """Take an ended job out of what is kept; False where it is not."""
        kept = self._kept.get(_run_of(job) or "")
        return kept is not None and kept.pop(job.spec.id, None) is not None


def _run_of(job: MemoryJob) -> str | None:
    origin = job.spec.origin
    return None if origin is None else origin.run_id
