"""What stores whose workers are no rows hold right now: Redis, and the pools of this process."""

from collections.abc import Sequence
from typing import NamedTuple

from django_taskq import control
from django_taskq.admin.asking import LONGEST
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import ENDED, State
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store

# Jobs that are shown of one state.
MOST_JOBS = 20
# Unfinished jobs that a store may have for single ones to be looked for: Redis has no index of
# the newest ones of a state, and walks them all.
MOST_WALKED = 20_000

# Of which states jobs are shown.
SHOWN = (State.RUNNING, State.READY, State.SCHEDULED, State.DEFERRED, State.FAILED)


class Look(NamedTuple):
    """What one store told: its numbers and, where the reader may see any, some of its jobs.

    `is_walked` is False where it has too many jobs to look for single ones, `has_rows` tells that
    its jobs are rows.
    """

    insights: Insights
    is_local: bool
    jobs: tuple[JobRecord, ...] = ()
    is_walked: bool = True
    has_rows: bool = False


def live_aliases() -> list[str]:
    """Return the aliases whose workers are in no table; nor are most of their unfinished jobs."""
    return [alias for alias in control.our_aliases() if not _has(alias, "has_worker_rows")]


def rowless_aliases() -> list[str]:
    """Return the aliases whose unfinished jobs are in no table."""
    return [alias for alias in control.our_aliases() if not _has(alias, "has_rows")]


def look(
    aliases: Sequence[str], states: Sequence[State], most: int = MOST_JOBS
) -> dict[str, Look | NoAnswer]:
    """Ask these stores for their numbers, and for the newest jobs in some states.

    One that has not answered in time tells so.
    """
    return ask(aliases, lambda store: _look(store, states, most), LONGEST)


def _look(store: Store, states: Sequence[State], most: int) -> Look:
    insights = store.insights()
    told = Look(insights, store.is_local, has_rows=store.has_rows)
    # Ended jobs are not counted, and those of others than pools are rows.
    here = [each for each in states if insights.depth(each) or (each in ENDED and store.is_local)]
    is_dear = not (store.is_local or store.has_rows)
    if here and is_dear and insights.depth() > MOST_WALKED:
        return told._replace(is_walked=False)
    jobs = [job for state in here for job in store.find(JobFilter(state=state, limit=most))]
    return told._replace(jobs=tuple(jobs))


def _has(alias: str, what: str) -> bool:
    try:
        return bool(getattr(control.store_of(alias), what))
    except Exception:
        # It cannot be made; the question to it tells why.
        return False
