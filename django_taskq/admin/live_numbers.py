"""What stores whose workers are no rows hold right now: Redis, and the pools of this process."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django_taskq import control
from django_taskq.admin.asking import LONGEST
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store

# Jobs that are shown of one state, and running ones among which those of a worker are looked for.
MOST_JOBS, MOST_RUNNING = 20, 200
# Unfinished jobs that a store may have for single ones to be looked for: Redis has no index of
# the newest ones of a state, and walks them all.
MOST_WALKED = 20_000

# Of which states jobs are shown.
SHOWN = (State.RUNNING, State.READY, State.SCHEDULED, State.DEFERRED, State.FAILED)


class Crew(NamedTuple):
    """The workers of one store at a moment, with jobs that run where the reader may see any."""

    now: datetime
    workers: tuple[WorkerRecord, ...]
    is_local: bool
    is_complete: bool
    running: tuple[JobRecord, ...] = ()


class Look(NamedTuple):
    """What one store told: its numbers and, where the reader may see any, some of its jobs.

    `is_walked` is False where it has too many jobs to look for single ones.
    """

    insights: Insights
    is_local: bool
    jobs: tuple[JobRecord, ...] = ()
    is_walked: bool = True

    @property
    def crew(self) -> Crew:
        """The workers among that."""
        told, running = self.insights, [job for job in self.jobs if job.state == State.RUNNING]
        return Crew(told.now, told.workers, self.is_local, told.is_complete, tuple(running))


def live_aliases() -> list[str]:
    """Return the aliases whose workers are in no table; nor are most of their unfinished jobs."""
    return [alias for alias in control.our_aliases() if not _has(alias, "has_worker_rows")]


def rowless_aliases() -> list[str]:
    """Return the aliases whose unfinished jobs are in no table."""
    return [alias for alias in control.our_aliases() if not _has(alias, "has_rows")]


def look(aliases: Sequence[str], *, has_jobs: bool) -> dict[str, Look | NoAnswer]:
    """Ask these stores for all their numbers; one that has not answered in time tells so."""
    return ask(aliases, lambda store: _look(store, has_jobs=has_jobs), LONGEST)


def look_at_workers(aliases: Sequence[str], *, has_jobs: bool) -> dict[str, Crew | NoAnswer]:
    """Ask these stores for their workers, which takes no longer where many jobs are rows."""
    return ask(aliases, lambda store: _crew(store, has_jobs=has_jobs), LONGEST)


def _look(store: Store, *, has_jobs: bool) -> Look:
    insights = store.insights()
    told = Look(insights, store.is_local)
    if not has_jobs:
        return told
    # Ended jobs are not counted, and those of others than pools are rows.
    here = [each for each in SHOWN if insights.depth(each) or (each in ENDED and store.is_local)]
    if here and not _may_be_walked(store, insights.depth()):
        return told._replace(is_walked=False)
    jobs = [job for state in here for job in store.find(JobFilter(state=state, limit=MOST_JOBS))]
    return told._replace(jobs=tuple(jobs))


def _crew(store: Store, *, has_jobs: bool) -> Crew:
    glance = store.glance(MOST_WALKED + 1)
    told = Crew(glance.now, glance.workers, store.is_local, glance.is_complete)
    is_busy = any(worker.running for worker in glance.workers)
    if not (has_jobs and is_busy and _may_be_walked(store, glance.depth().number)):
        return told
    running = store.find(JobFilter(state=State.RUNNING, limit=MOST_RUNNING))
    return told._replace(running=tuple(running))


def _may_be_walked(store: Store, unfinished: int) -> bool:
    return store.is_local or store.has_rows or unfinished <= MOST_WALKED


def _has(alias: str, what: str) -> bool:
    try:
        return bool(getattr(control.store_of(alias), what))
    except Exception:
        # It cannot be made; the question to it tells why.
        return False
