"""The instants that passed while a schedule was switched off."""

from datetime import datetime, timedelta

from django_taskq.models import Schedule, Tick
from django_taskq.models.schedule import Decision
from django_taskq.scheduling.decisions import Verdict
from django_taskq.scheduling.dues import MOST_NOTED, timing_of
from django_taskq.scheduling.writing import tick_of
from django_taskq.stores.database.clock import aware

_INSTANT = timedelta(microseconds=1)
_REASON = "The schedule was switched off."


def note_paused(schedule: Schedule, since: datetime, now: datetime) -> int:
    """Write down the latest instants after `since` that nobody decided, for whoever asks why
    nothing ran; return how many. To be called in the transaction that switches it on.
    """
    timing = timing_of(schedule)
    created_at = aware(schedule.created_at)
    since = max(since, created_at)
    instants: list[datetime] = []
    due = timing.last_until(now)
    while due is not None and due > since and len(instants) < MOST_NOTED:
        instants.append(due)
        due = timing.last_until(due - _INSTANT)
    ticks = [tick_of(schedule, Verdict(due, Decision.PAUSED, _REASON), now) for due in instants]
    rows = Tick._default_manager.using(schedule._state.db)
    rows.bulk_create(ticks, ignore_conflicts=True)
    return len(ticks)
