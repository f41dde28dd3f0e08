"""The check of a schedule as it was given: one for the commands, the admin and the code."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings

from django_taskq.exceptions import InvalidSchedule
from django_taskq.models.schedule import Overlap
from django_taskq.scheduling.call_faults import find_call_faults
from django_taskq.scheduling.clocks import instant_of, parse_timezone
from django_taskq.scheduling.columns import LARGEST_CATCHUP, MOMENTS, columns_of, read_catchup
from django_taskq.scheduling.definition import WHEN, Definition, Fault
from django_taskq.scheduling.timing import Timing
from django_taskq.scheduling.timings import make_timing
from django_taskq.tenancy import check_name

LONGEST_NAME = 200
LONGEST_EXPRESSION = 200
LONGEST_JITTER = 86_400


class Settled(NamedTuple):
    """A definition without faults, as the columns of its row, and its next due instant."""

    columns: dict[str, Any]
    next_at: datetime | None


def settle(definition: Definition, now: datetime, *, must_fire: bool = True) -> Settled:
    """Check a definition and return what is stored of it.

    Raise InvalidSchedule that tells everything that is wrong.
    """
    faults = find_faults(definition, now, must_fire=must_fire)
    if faults:
        option = faults[0].field if len(faults) == 1 else ""
        raise InvalidSchedule(" ".join(fault.told for fault in faults), option=option)
    whole = fill_in(definition)
    return Settled(columns_of(whole), timing_as_given(whole, whole.start_at or now).next_after(now))


def find_faults(definition: Definition, now: datetime, *, must_fire: bool = True) -> list[Fault]:
    """Return everything that is wrong with a definition.

    `must_fire` is False for one that may have had all its ticks.
    """
    return [
        *_find_name_faults(definition.name),
        *_find_time_faults(definition, now, must_fire=must_fire),
        *find_call_faults(definition),
        *_find_policy_faults(definition),
    ]


def fill_in(definition: Definition) -> Definition:
    """Return a definition with its time zone, and with times that have one.

    Raise InvalidSchedule for a zone that is none.
    """
    name = definition.timezone or settings.TIME_ZONE
    zone = parse_timezone(name)
    given = {field: getattr(definition, field) for field in MOMENTS}
    times: dict[str, Any] = {
        field: None if moment is None else instant_of(moment, zone)
        for field, moment in given.items()
    }
    return replace(definition, timezone=name, **times)


def timing_as_given(whole: Definition, anchor: datetime) -> Timing:
    """Return when a filled-in definition is due; an interval counts from the anchor.

    Raise InvalidSchedule.
    """
    return make_timing(
        expression=whole.expression,
        every=whole.every,
        at=whole.at,
        timezone=whole.timezone or settings.TIME_ZONE,
        name=whole.name,
        anchor=anchor,
        start_at=whole.start_at,
        end_at=whole.end_at,
    )


def _find_name_faults(name: object) -> Iterator[Fault]:
    wrong = "expected a name, got ''" if name == "" else check_name(name, LONGEST_NAME)
    if wrong is not None:
        yield Fault("name", f"name: {wrong}.")


def _find_time_faults(definition: Definition, now: datetime, *, must_fire: bool) -> Iterator[Fault]:
    given = [name for name in WHEN if getattr(definition, name) is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        yield Fault("expression", f"Expected one of {', '.join(WHEN)}, got {got}.")
        return
    if definition.expression is not None:
        wrong = check_name(definition.expression, LONGEST_EXPRESSION)
        if wrong is not None:
            yield Fault("expression", f"expression: {wrong}.")
            return
    try:
        whole = fill_in(definition)
        next_at = timing_as_given(whole, whole.start_at or now).next_after(now)
    except InvalidSchedule as error:
        yield Fault(error.option or given[0], str(error))
        return
    if must_fire and next_at is None:
        yield Fault(given[0], _told_of_the_past(whole, given[0]))


def _find_policy_faults(definition: Definition) -> Iterator[Fault]:
    try:
        read_catchup(definition.catchup)
    except (ValueError, AttributeError):
        yield Fault(
            "catchup",
            f"catchup: expected none, last, all or all:N with N from 1 to {LARGEST_CATCHUP}, got "
            f"{definition.catchup!r}.",
        )
    if definition.overlap not in Overlap.values:
        yield Fault(
            "overlap",
            f"overlap: expected one of {', '.join(Overlap.values)}, got {definition.overlap!r}.",
        )
    jitter: Any = definition.jitter
    is_number = isinstance(jitter, int | float) and not isinstance(jitter, bool)
    if not (is_number and 0 <= jitter <= LONGEST_JITTER):
        yield Fault(
            "jitter", f"jitter: expected seconds from 0 to {LONGEST_JITTER}, got {jitter!r}."
        )


def _told_of_the_past(whole: Definition, field: str) -> str:
    if whole.at is not None:
        return f"at: expected a time to come, got {whole.at.isoformat()}."
    end = "" if whole.end_at is None else f" before its end at {whole.end_at.isoformat()}"
    return f"{field}: expected a schedule that is due again{end}, got one that is not."
