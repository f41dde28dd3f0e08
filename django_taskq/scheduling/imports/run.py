"""Have what an importer finds stored, each schedule by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import NamedTuple

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling import edits
from django_taskq.scheduling.definition import Definition
from django_taskq.scheduling.imports.found import Found
from django_taskq.scheduling.validation import find_faults

# The packages whose schedules can be read, and the module that reads each.
ORIGINS = {
    "celery-beat": "celery_beat",
    "django-q": "django_q",
    "django-tasks-scheduler": "tasks_scheduler",
}
IMPORTED, OFF, SKIPPED = "imported", "imported, switched off", "skipped"
# A schedule with faults in these alone is due at known times: it can stand there, switched off.
_CURABLE = {"task", "args", "kwargs", "backend", "queue", "options"}


class Imported(NamedTuple):
    """What became of a schedule of another package, and why where it is not as it was."""

    name: str
    outcome: str
    why: str | None


def import_from(origin: str, *, is_dry: bool = False) -> Iterator[Imported]:
    """Store the schedules of another package; a dry run stores nothing and says the same.

    Raise InvalidSchedule where the package is not installed.
    """
    found: Iterator[Found] = import_module(f"{__package__}.{ORIGINS[origin]}").find()
    return (_take(each, is_dry=is_dry) for each in found)


def _take(found: Found, *, is_dry: bool) -> Imported:
    if found.definition is None:
        return Imported(found.name, SKIPPED, found.obstacle)
    if edits.find(found.name):
        return Imported(found.name, SKIPPED, "A schedule has its name.")
    faults = find_faults(found.definition, datetime.now(UTC))
    told = " ".join(fault.told for fault in faults)
    if not {fault.field for fault in faults} <= _CURABLE:
        return Imported(found.name, SKIPPED, told)
    is_enabled = found.is_enabled and not faults
    why = " ".join(filter(None, (told, found.note and f"It is taken {found.note}.")))
    if not is_dry:
        try:
            _store(found.definition, told, is_enabled=is_enabled)
        except (InvalidSchedule, TypeError, ValueError) as error:
            return Imported(found.name, SKIPPED, str(error))
    return Imported(found.name, IMPORTED if is_enabled else OFF, why or None)


def _store(definition: Definition, told: str, *, is_enabled: bool) -> None:
    if told:
        edits.add_switched_off(definition, told)
    else:
        edits.add(definition, is_enabled=is_enabled)
