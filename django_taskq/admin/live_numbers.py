"""What stores that are no rows hold right now: Redis, and the pools of this process."""

from collections.abc import Sequence
from typing import NamedTuple

from django_taskq import control
from django_taskq.admin.asking import LONGEST
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store

# Jobs that are shown of one state.
MOST_JOBS = 20
# Unfinished jobs that a store may have for single ones to be looked for: Redis has no index of
# the newest ones of a state, and walks them all.
MOST_WALKED = 20_000

_WAITING = (State.READY, State.SCHEDULED, State.DEFERRED)


class Look(NamedTuple):
    """What one store told: its numbers and, where the reader may see any, some of its jobs.

    `is_walked` is False where it has too many jobs to look for single ones.
    """

    insights: Insights
    is_local: bool
    jobs: tuple[JobRecord, ...] = ()
    is_walked: bool = True


def live_aliases() -> list[str]:
    """Return the aliases whose unfinished jobs are in no table."""
    return [alias for alias in control.our_aliases() if not _has_rows(alias)]


def look(aliases: Sequence[str], *, has_jobs: bool) -> dict[str, Look | NoAnswer]:
    """Ask these stores; one that has not answered in time tells so."""
    return ask(aliases, lambda store: _look(store, has_jobs=has_jobs), LONGEST)


def _look(store: Store, *, has_jobs: bool) -> Look:
    insights = store.insights()
    if not has_jobs:
        return Look(insights, store.is_local)
    if not store.is_local and insights.depth() > MOST_WALKED:
        return Look(insights, store.is_local, is_walked=False)
    states = [state for state in (State.RUNNING, *_WAITING) if insights.depth(state)]
    if store.is_local:
        # Those of Redis are rows once they have ended.
        states.append(State.FAILED)
    jobs = [job for state in states for job in store.find(JobFilter(state=state, limit=MOST_JOBS))]
    return Look(insights, store.is_local, tuple(jobs))


def _has_rows(alias: str) -> bool:
    try:
        return control.store_of(alias).has_rows
    except Exception:
        # It cannot be made; the question to it tells why.
        return False
