"""The rows of the schedules that the code keeps: written where a worker starts.

Any number of workers may do it at once, in any order; whoever finds nothing new writes nothing.
An operator may pause such a schedule. One that has gone from the code is switched off and kept,
so that its ticks can still be looked at.
"""

import logging
from dataclasses import fields
from datetime import UTC, datetime

from django.tasks.exceptions import InvalidTaskBackend

from django_taskq.exceptions import InvalidSchedule
from django_taskq.models.schedule import Schedule, Source
from django_taskq.scheduling import edits
from django_taskq.scheduling.code_schedule import CodeSchedule
from django_taskq.scheduling.definition import Definition
from django_taskq.scheduling.in_code import find_in_code
from django_taskq.scheduling.places import database_of
from django_taskq.scheduling.validation import Settled, settle

logger = logging.getLogger("django_taskq.scheduling")

BROKEN = "What the code says of it cannot be used: "


def sync_schedules(alias: str) -> None:
    """Store the code's schedules of an alias as they are now. One query where nothing is new."""
    database = database_of(alias)
    held = {row.name: row for row in edits.rows(database).filter(source=Source.CODE)}
    found = find_in_code()
    for problem in found.problems:
        logger.error("%s", problem)
    here = {
        name: schedule
        for name, schedule in found.schedules.items()
        if _database_of(schedule) == database
    }
    for name, schedule in here.items():
        if schedule.call.task.backend == alias:
            _sync(schedule, held.get(name))
    # An entry that could not be read may lead to any of those that seem to be gone.
    if not found.problems:
        for name, row in held.items():
            if name not in here and row.backend == alias:
                _switch_off(row)


def _sync(schedule: CodeSchedule, row: Schedule | None) -> None:
    try:
        definition = schedule.definition()
        settled = settle(definition, datetime.now(UTC), must_fire=False)
    except Exception as error:
        # Whatever it is that the code says: the other schedules go on.
        logger.error("The schedule %r of the code cannot be used: %s", schedule.name, error)
        if row is not None:
            edits.disable(row, f"{BROKEN}{error}")
        return
    try:
        if row is None:
            _add(settled)
        else:
            _bring_up_to_date(row, definition, settled)
    except InvalidSchedule as error:
        logger.error("The schedule %r of the code was not stored: %s", schedule.name, error)


def _add(settled: Settled) -> None:
    name = settled.columns["name"]
    try:
        edits.write_new(settled, Source.CODE)
    except InvalidSchedule:
        database = database_of(settled.columns["backend"])
        # Another worker that starts at the same time has stored it.
        if edits.rows(database).filter(name=name, source=Source.CODE).exists():
            return
        raise
    logger.info("The schedule %r was added from the code.", name)


def _bring_up_to_date(row: Schedule, definition: Definition, settled: Settled) -> None:
    is_new = any(getattr(row, name) != value for name, value in settled.columns.items())
    if is_new:
        given = {item.name: getattr(definition, item.name) for item in fields(Definition)}
        row = edits.change(row, given, Source.CODE)
        logger.info("The schedule %r was changed in the code.", row.name)
    if row.enabled or row.reason is None:
        return
    if row.reason == edits.GONE_WHILE_PAUSED:
        edits.give_reason(row, None)
    elif is_new or row.reason == edits.GONE or row.reason.startswith(BROKEN):
        edits.enable(row, Source.CODE)


def _switch_off(row: Schedule) -> None:
    if edits.disable(row, edits.GONE):
        logger.warning("The schedule %r is no longer in the code: switched off.", row.name)
    elif row.reason is None:
        edits.give_reason(row, edits.GONE_WHILE_PAUSED)


def _database_of(schedule: CodeSchedule) -> str | None:
    try:
        return database_of(schedule.call.task.backend)
    except InvalidTaskBackend:
        return None
