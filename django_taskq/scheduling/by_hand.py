"""Runs of a schedule that an operator asks for."""

from datetime import datetime, timedelta
from uuid import UUID

from django_taskq.control import store_of
from django_taskq.exceptions import InvalidSchedule
from django_taskq.models import Schedule, Tick
from django_taskq.models.schedule import Decision
from django_taskq.scheduling.calls import Call
from django_taskq.scheduling.decisions import Verdict
from django_taskq.scheduling.places import place_of
from django_taskq.scheduling.writing import insert_jobs, tick_of
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.place import Place

_INSTANT = timedelta(microseconds=1)


def run_now(schedule: Schedule) -> Tick:
    """Make a job of a schedule now, whatever its policies say; return its tick.

    A schedule that is switched off stays so, and the next due instant stays the next. For a later
    tick it counts as a job of the schedule. Raise JobUnloadable, InvalidTask or InvalidSchedule
    where the schedule cannot be run.
    """
    store = store_of(schedule.backend)
    place = place_of(store)
    with place.transaction():
        rows = Schedule._default_manager.using(place.database)
        row = rows.select_for_update().filter(pk=schedule.pk).first()
        if row is None:
            raise InvalidSchedule(f"The schedule {schedule.name!r} was removed meanwhile.")
        now = place.clock.read(place.connection)
        due = _free_instant(place, row, now)
        call = Call(row)
        spec = call.spec(due)._replace(run_after=None)
        tick = tick_of(row, Verdict(due, Decision.FIRED), now)
        tick.is_by_hand = True
        tick.job_id = UUID(spec.id)
        tick.save(using=place.database, force_insert=True)
        insert_jobs(place, store, [(call.task, spec)])
        row.earlier_job_id, row.last_job_id = row.last_job_id, tick.job_id
        row.save(using=place.database, update_fields=["earlier_job_id", "last_job_id"])
    return tick


def _free_instant(place: Place, row: Schedule, now: datetime) -> datetime:
    """Return this instant, or one later than that of the last run by hand."""
    ticks = Tick._default_manager.using(place.database).filter(
        schedule_id=row.pk, is_by_hand=True, due_at__gte=storable(now)
    )
    latest = aware(ticks.order_by("-due_at").values_list("due_at", flat=True).first())
    return now if latest is None else latest + _INSTANT
