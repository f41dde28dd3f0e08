"""What operators and the code say of schedules: add, change, enable, disable, remove.

A schedule stands in the database of its backend's jobs, so that a tick and its job are written
in one transaction. Each edit raises `revision`: a scheduler that has read the row before it
changes nothing after it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from django_taskq.exceptions import InvalidSchedule
from django_taskq.models.schedule import Schedule, Source
from django_taskq.scheduling.call_faults import find_backend_fault
from django_taskq.scheduling.columns import columns_of, definition_of
from django_taskq.scheduling.definition import Definition
from django_taskq.scheduling.dues import timing_of
from django_taskq.scheduling.pauses import note_paused
from django_taskq.scheduling.places import database_of, databases
from django_taskq.scheduling.round import LONGEST_REASON
from django_taskq.scheduling.validation import Settled, fill_in, settle
from django_taskq.stores.database.clock import aware, storable

GONE = "It is no longer in the code: nothing in TASKQ['SCHEDULES'] leads to it."
GONE_WHILE_PAUSED = f"{GONE} It was paused before."

# A change of these makes the schedule due anew, from now on.
TIMES = ("expression", "every", "at", "timezone", "start_at", "end_at")


_INSTANT = timedelta(microseconds=1)


def rows(database: str) -> QuerySet[Schedule]:
    """Return the schedules in a database."""
    return Schedule._default_manager.using(database)


def find(name: str, backend: str | None = None) -> list[Schedule]:
    """Return the schedules of a name, of one backend or all; a database has at most one."""
    wanted = {} if backend is None else {"backend": backend}
    held = databases() if backend is None else [database_of(backend)]
    return [row for each in held for row in rows(each).filter(name=name, **wanted)]


def every(backend: str | None = None) -> list[Schedule]:
    """Return all schedules, or those of one backend, by their names in each database."""
    if backend is not None:
        return list(rows(database_of(backend)).filter(backend=backend))
    return [row for database in databases() for row in rows(database)]


def check_backend(row: Schedule) -> None:
    """Raise InvalidSchedule where nothing can be enqueued on a schedule's backend any more."""
    wrong = find_backend_fault(row.backend)
    if wrong is not None:
        raise InvalidSchedule(wrong, option="backend")


def is_gone(row: Schedule) -> bool:
    """Tell whether a schedule of the code is in it no longer."""
    return row.source == Source.CODE and row.reason in {GONE, GONE_WHILE_PAUSED}


def add(
    definition: Definition,
    *,
    source: Source = Source.OPERATOR,
    is_enabled: bool = True,
    reason: str | None = None,
) -> Schedule:
    """Store a new schedule; its first tick is the next due instant from now on.

    Raise InvalidSchedule, with nothing stored.
    """
    now = datetime.now(UTC)
    return write_new(settle(definition, now), source, is_enabled=is_enabled, reason=reason)


def add_switched_off(definition: Definition, reason: str) -> Schedule:
    """Store a schedule whose task or call has faults, switched off for that reason.

    Raise InvalidSchedule for its times or its name, TypeError or ValueError for arguments that
    JSON has not.
    """
    settled = Settled(columns_of(fill_in(definition)), None)
    told = reason[:LONGEST_REASON]
    return write_new(settled, Source.OPERATOR, is_enabled=False, reason=told)


def write_new(
    settled: Settled,
    source: Source,
    *,
    is_enabled: bool = True,
    reason: str | None = None,
) -> Schedule:
    """Write the row of a schedule. Raise InvalidSchedule where one has the name."""
    database = database_of(settled.columns["backend"])
    row = Schedule(**settled.columns, source=source, enabled=is_enabled, reason=reason)
    try:
        with transaction.atomic(using=database):
            row.save(using=database, force_insert=True)
            # Only now it has the moment from which its intervals count.
            row.next_at = next_of(row, aware(row.created_at))
            row.save(using=database, update_fields=["next_at"])
    except IntegrityError as error:
        raise InvalidSchedule(_told_of_taken(row.name)) from error
    return row


def change(
    row: Schedule, changes: Mapping[str, Any], asked_by: Source = Source.OPERATOR
) -> Schedule:
    """Change fields of a stored schedule's definition, and no others.

    With another time it is due from now on; what was due before and not decided is let go. Raise
    InvalidSchedule, with nothing changed.
    """
    with transaction.atomic(using=row._state.db):
        held = _locked(row)
        if held.source == Source.CODE != asked_by:
            raise InvalidSchedule(
                f"The schedule {held.name!r} is kept in code: change it there. Here it can be "
                "switched off and on."
            )
        after = replace(definition_of(held), **changes)
        now = datetime.now(UTC)
        is_moved = any(name in changes for name in TIMES)
        must_fire = is_moved and held.enabled and asked_by == Source.OPERATOR
        settled = settle(after, now, must_fire=must_fire)
        columns = dict(settled.columns)
        _check_database(row, columns["backend"])
        is_moved = any(columns[name] != getattr(held, name) for name in TIMES)
        _put(held, columns)
        if is_moved:
            columns["next_at"] = next_of(held, now)
        _write(held, columns)
    return held


def enable(row: Schedule, asked_by: Source = Source.OPERATOR) -> bool:
    """Switch a schedule on; what was due meanwhile is noted and let go. False where it was on.

    Raise InvalidSchedule where it cannot run as it stands.
    """
    is_operator = asked_by == Source.OPERATOR
    with transaction.atomic(using=row._state.db):
        held = _locked(row)
        if held.enabled:
            return False
        if is_operator and is_gone(held):
            raise InvalidSchedule(f"{GONE} Add it there, or remove it here.")
        now = datetime.now(UTC)
        settle(definition_of(held), now, must_fire=is_operator)
        if held.next_at is not None:
            note_paused(held, aware(held.next_at) - _INSTANT, now)
        columns = {"enabled": True, "reason": None, "failing_since": None}
        _write(held, {**columns, "next_at": next_of(held, now)})
    return True


def disable(row: Schedule, reason: str | None = None) -> bool:
    """Switch a schedule off; return False where it was off already."""
    with transaction.atomic(using=row._state.db):
        held = _locked(row)
        if not held.enabled:
            return False
        told = None if reason is None else reason[:LONGEST_REASON]
        _write(held, {"enabled": False, "reason": told})
    return True


def give_reason(row: Schedule, reason: str | None) -> None:
    """Say, or say no longer, why a schedule that is off is off."""
    _locked_rows(row).filter(enabled=False).update(reason=reason)


def remove(row: Schedule) -> None:
    """Delete a schedule with its ticks; the jobs stay.

    Raise InvalidSchedule for one that the code still has.
    """
    if row.source == Source.CODE and not is_gone(row):
        raise InvalidSchedule(
            f"The schedule {row.name!r} is kept in code: a worker that starts would add it again. "
            "Take it out there, or switch it off."
        )
    _locked_rows(row).delete()


def next_of(row: Schedule, now: datetime) -> datetime | None:
    """Return the first due instant after a moment, as a row has it."""
    return storable(timing_of(row).next_after(now))


def _check_database(row: Schedule, backend: str) -> None:
    database = database_of(backend)
    if database != row._state.db:
        raise InvalidSchedule(
            f"backend: expected one whose jobs are in the database {row._state.db!r}, got "
            f"{backend!r}. Remove the schedule and add it there."
        )


def _locked(row: Schedule) -> Schedule:
    found = _locked_rows(row).select_for_update().first()
    if found is None:
        raise InvalidSchedule(f"The schedule {row.name!r} was removed meanwhile.")
    return found


def _locked_rows(row: Schedule) -> QuerySet[Schedule]:
    return rows(row._state.db or "default").filter(pk=row.pk)


def _write(row: Schedule, columns: Mapping[str, Any]) -> None:
    now = storable(datetime.now(UTC))
    _locked_rows(row).update(**columns, revision=F("revision") + 1, updated_at=now)
    _put(row, columns)
    row.revision += 1


def _put(row: Schedule, columns: Mapping[str, Any]) -> None:
    for name, value in columns.items():
        setattr(row, name, value)


def _told_of_taken(name: str) -> str:
    return f"name: expected a name that no schedule has, got {name!r}."
