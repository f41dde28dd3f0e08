"""The schedules that TASKQ["SCHEDULES"] leads to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from django.utils.module_loading import import_string

from django_taskq.exceptions import InvalidSchedule
from django_taskq.project import read_schedule_paths
from django_taskq.scheduling.code_schedule import CodeSchedule
from django_taskq.scheduling.definition import Fault
from django_taskq.scheduling.validation import find_faults


class InCode(NamedTuple):
    """What was found, and a sentence for each entry that leads to nothing that can be used."""

    schedules: dict[str, CodeSchedule]
    problems: list[str]


def find_in_code() -> InCode:
    """Import what the entries name and return the schedules there by their names."""
    found = InCode({}, [])
    for index, path in enumerate(read_schedule_paths()):
        place = f"TASKQ['SCHEDULES'][{index}]"
        try:
            schedules = _schedules_under(path)
        except InvalidSchedule as error:
            found.problems.append(f"{place}: {error}")
            continue
        for schedule in schedules:
            known = found.schedules.setdefault(schedule.name, schedule)
            if known is not schedule:
                found.problems.append(
                    f"{place}: expected a name for each schedule, got {schedule.name!r} twice."
                )
    return found


def find_problems() -> Iterator[Fault]:
    """Return what is wrong with the schedules in code.

    A fault of the field `backend` is one of the settings: others may have a backend that ticks.
    """
    found = find_in_code()
    yield from (Fault("", problem) for problem in found.problems)
    now = datetime.now(UTC)
    for name, schedule in found.schedules.items():
        try:
            # One whose time is over may stay in the code.
            faults = find_faults(schedule.definition(), now, must_fire=False)
        except InvalidSchedule as error:
            faults = [Fault("", str(error))]
        except Exception as error:
            # Values of a type that nobody expects, which code can hold and a row cannot.
            faults = [Fault("", f"It cannot be read: {type(error).__name__}: {error}.")]
        for fault in faults:
            told = f"The schedule {name!r} in TASKQ['SCHEDULES']: {fault.told}"
            yield fault._replace(told=told)


def _schedules_under(path: str) -> list[CodeSchedule]:
    try:
        value = _imported(path)
    except Exception as error:
        raise InvalidSchedule(
            f"{path!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    values = vars(value).values() if isinstance(value, ModuleType) else [value]
    found = [schedule for each in values for schedule in _flat(each)]
    # A list may be empty for now; a module without any is a slip.
    if not found and not isinstance(value, list | tuple):
        raise InvalidSchedule(
            "expected the dotted path of a schedule, of a list of them, or of a module that has "
            f"some, got {path!r}. `cron`, `every` and `at` of django_taskq.schedules make one."
        )
    return found


def _imported(path: str) -> Any:
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        # Missing is the path itself or a part of it, and not what the module wants to import.
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise
        return import_string(path)


def _flat(value: Any) -> Iterator[CodeSchedule]:
    if isinstance(value, CodeSchedule):
        yield value
    elif isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, CodeSchedule))
