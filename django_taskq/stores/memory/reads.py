"""Looking at the jobs of a memory store: one by one, by a filter, in numbers."""

import threading
from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs.insights import Insights
from django_taskq.jobs.origin import NO_ORIGIN
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.run import RunRecord
from django_taskq.stores.base import JobFilter, RunFilter
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.insights import count_jobs
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.outlooks import outlook_of
from django_taskq.stores.memory.record import make_record
from django_taskq.stores.memory.roll import Roll
from django_taskq.stores.memory.runs import find_runs


class Reads:
    """What a store answers to those who look; takes its lock for a moment at a time."""

    def __init__(self, alias: str, lock: threading.Lock, board: Board, roll: Roll) -> None:
        self._alias = alias
        self._lock = lock
        self._board = board
        self._roll = roll

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids, in the order asked."""
        jobs, alias = self._board.jobs, self._alias
        with self._lock:
            return [make_record(jobs[id], alias) for id in ids if id in jobs]

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids, each with its attempts."""
        jobs, alias = self._board.jobs, self._alias
        with self._lock:
            return [make_record(jobs[id], alias, has_attempts=True) for id in ids if id in jobs]

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        found: list[JobRecord] = []
        # Without the lock, which a walk over a million jobs would hold for long.
        for job in reversed(self._snapshot()):
            if wanted.limit is not None and len(found) >= wanted.limit:
                break
            if not _matches(job, wanted):
                continue
            with self._lock:
                if _matches(job, wanted) and job.spec.id in self._board.jobs:
                    found.append(make_record(job, self._alias, has_errors=False))
        return found

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest pipeline runs that match."""
        return find_runs(self._snapshot(), self._alias, wanted)

    def insights(self, now: datetime) -> Insights:
        """Return live numbers."""
        with self._lock:
            workers = [
                self._roll.record(id, now, len(self._board.held(id))) for id in self._roll.ids()
            ]
        return count_jobs(self._snapshot(), workers, now)

    def outlook(self, id: str, now: datetime) -> Outlook | None:
        """Return what stands between a job and its start."""
        board = self._board
        with self._lock:
            job = board.jobs.get(id)
            return None if job is None else outlook_of(board, self._roll, job, self._alias, now)

    def _snapshot(self) -> list[MemoryJob]:
        with self._lock:
            return list(self._board.jobs.values())


def _matches(job: MemoryJob, wanted: JobFilter) -> bool:
    spec = job.spec
    return (
        wanted.state in (None, job.state)
        and wanted.queue in (None, spec.queue)
        and wanted.tenant in (None, spec.tenant)
        and wanted.task in (None, spec.task)
        and (wanted.run_id is None or (spec.origin or NO_ORIGIN).run_id == wanted.run_id)
    )
