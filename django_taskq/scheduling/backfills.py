"""Jobs for the due instants of a range, on an operator's wish.

The jobs are made in batches, the oldest first, each batch in one transaction with its ticks. An
instant that has a job keeps it, so that a backfill which was broken off goes on where it stopped:
schedulers see to that, and so does the same call once more.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django_taskq.control import cancel_known, store_of
from django_taskq.exceptions import InvalidSchedule, JobUnloadable
from django_taskq.jobs.limits import check_max_running
from django_taskq.models import Backfill, Schedule, Tick
from django_taskq.models.schedule import Decision, Overlap
from django_taskq.scheduling.calls import Call
from django_taskq.scheduling.decisions import Verdict
from django_taskq.scheduling.dues import timing_of
from django_taskq.scheduling.places import place_of
from django_taskq.scheduling.writing import insert_jobs, tick_of
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.many import write_columns
from django_taskq.stores.database.place import Place

logger = logging.getLogger("django_taskq.scheduling")

# Instants of one transaction, and of one backfill.
CHUNK = 250
MOST_INSTANTS = 100_000
_INSTANT = timedelta(microseconds=1)
_REASON = "A backfill asked for it."


def backfill(
    schedule: Schedule,
    from_at: datetime,
    until_at: datetime,
    *,
    max_running: int | None = None,
) -> Backfill:
    """Make a job for each due instant from one moment to another, both included.

    So many jobs of the schedule run at once; None is one, or any number where `overlap` is
    `allow`. Instants that have a job already are left out, and what lies in the future is. Raise
    InvalidSchedule for a range or a number that cannot be, with nothing stored.
    """
    store = store_of(schedule.backend)
    row = begin(schedule, from_at, until_at, max_running=max_running)
    while advance(place_of(store), store, row.pk):
        pass
    row.refresh_from_db()
    return row


def begin(
    schedule: Schedule,
    from_at: datetime,
    until_at: datetime,
    *,
    max_running: int | None = None,
) -> Backfill:
    """Store a backfill and make no job yet: `advance` does, or any scheduler within a minute."""
    place = place_of(store_of(schedule.backend))
    now = place.clock.read(place.connection)
    until_at = min(until_at, now)
    _check(schedule, from_at, until_at, max_running)
    if max_running is None and schedule.overlap != Overlap.ALLOW:
        max_running = 1
    return Backfill._default_manager.using(place.database).create(
        schedule_id=schedule.pk,
        from_at=storable(from_at),
        until_at=storable(until_at),
        max_running=max_running,
        next_at=storable(from_at),
        created_at=storable(now),
    )


def stop(row: Backfill) -> int:
    """Make no more jobs, cancel those that have not ended; return how many these were."""
    store = store_of(row.schedule.backend)
    place = place_of(store)
    rows = Backfill._default_manager.using(place.database).filter(pk=row.pk, stopped_at=None)
    now = place.clock.read(place.connection)
    rows.update(stopped_at=storable(now), next_at=None)
    row.refresh_from_db()
    canceled = 0
    for ids in _job_ids(place, row):
        waiting = sorted(store.unfinished(ids))
        canceled += len(cancel_known(waiting, store.alias)) if waiting else 0
    return canceled


def advance_all(place: Place, store: Store) -> bool:
    """Make a batch of jobs for each backfill that stands still; tell whether there is more.

    One that cannot go on is stopped; one whose task is not to be found here is left to others.
    """
    rows: Any = Backfill._default_manager.using(place.database)
    found = rows.filter(schedule__backend=place.backend, next_at__isnull=False)
    has_more = False
    for id in found.values_list("pk", flat=True):
        try:
            has_more = advance(place, store, id) or has_more
        except store.outages:
            raise
        except JobUnloadable as error:
            logger.warning("Backfill %d waits for a worker that has its task: %s", id, error)
        except Exception:
            logger.exception("Backfill %d is stopped, since it cannot go on.", id)
            now = storable(place.clock.read(place.connection))
            rows.filter(pk=id).update(next_at=None, stopped_at=now)
    return has_more


def advance(place: Place, store: Store, id: int) -> bool:
    """Make the next batch of jobs; tell whether there is more to do."""
    return place.settle(_advance, place, store, id)


def _advance(place: Place, store: Store, id: int) -> bool:
    with place.transaction():
        rows = Backfill._default_manager.using(place.database).select_for_update()
        row = rows.filter(pk=id).first()
        first = None if row is None else aware(row.next_at)
        if row is None or first is None:
            return False
        # Held for the ticks of its schedulers, which must not decide the same instants meanwhile.
        held = Schedule._default_manager.using(place.database).select_for_update()
        schedule = held.get(pk=row.schedule_id)
        until = aware(row.until_at)
        timing = timing_of(schedule, is_bounded=False)
        instants = timing.between(first - _INSTANT, until, CHUNK)
        if instants:
            _make_jobs(place, store, row, schedule, instants)
        next_at = timing.next_after(instants[-1]) if len(instants) == CHUNK else None
        row.next_at = storable(None if next_at is None or next_at > until else next_at)
        row.save(using=place.database, update_fields=["next_at"])
        return row.next_at is not None


def _make_jobs(
    place: Place, store: Store, row: Backfill, schedule: Schedule, instants: Sequence[datetime]
) -> None:
    """Give a tick with a job to each of these instants that has none."""
    now = place.clock.read(place.connection)
    ticks = Tick._default_manager.using(place.database)
    moments = [storable(due) for due in instants]
    held = {
        aware(tick.due_at): tick
        for tick in ticks.filter(schedule_id=schedule.pk, due_at__in=moments, is_by_hand=False)
    }
    call = Call(schedule)
    made: list[Tick] = []
    changed: list[Tick] = []
    jobs = []
    for due in instants:
        tick = held.get(due)
        if tick is not None and tick.job_id is not None:
            continue
        spec = call.spec(due, row.max_running)._replace(run_after=None)
        jobs.append((call.task, spec))
        (made if tick is None else changed).append(tick := tick or _new(schedule, due, now))
        tick.decision, tick.reason, tick.backfill = Decision.FIRED, _REASON, row
        tick.job_id = UUID(spec.id)
        tick.decided_at = storable(now)
    ticks.bulk_create(made, CHUNK)
    columns = ("decision", "reason", "backfill", "job_id", "decided_at")
    write_columns(place, changed, columns)
    insert_jobs(place, store, jobs)


def _new(schedule: Schedule, due: datetime, now: datetime) -> Tick:
    return tick_of(schedule, Verdict(due, Decision.FIRED), now)


def _job_ids(place: Place, row: Backfill) -> list[list[str]]:
    """Return the jobs of a backfill, a batch at a time."""
    ticks = Tick._default_manager.using(place.database).filter(backfill_id=row.pk)
    found = [str(id) for id in ticks.order_by("due_at").values_list("job_id", flat=True)]
    return [found[at : at + CHUNK] for at in range(0, len(found), CHUNK)]


def _check(
    schedule: Schedule, from_at: datetime, until_at: datetime, max_running: int | None
) -> None:
    if until_at < from_at:
        raise InvalidSchedule(
            f"Expected a range that begins in the past and before its end, got one from "
            f"{from_at.isoformat()} to {until_at.isoformat()}, where it ends now at the latest.",
            option="from",
        )
    wrong = None if max_running is None else check_max_running(max_running)
    if wrong is not None:
        raise InvalidSchedule(f"max_running: {wrong}.", option="max_running")
    count = timing_of(schedule, is_bounded=False).count(
        from_at - _INSTANT, until_at, MOST_INSTANTS + 1
    )
    if count > MOST_INSTANTS:
        raise InvalidSchedule(
            f"Expected at most {MOST_INSTANTS} due instants in the range, got more. Split it.",
            option="to",
        )
    # Says now, and not in the middle of it, what is wrong with the call.
    Call(schedule)
