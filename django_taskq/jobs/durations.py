"""Durations as people write them: seconds, or a timedelta."""

import math
from datetime import timedelta
from threading import TIMEOUT_MAX

from django.utils import formats
from django.utils.translation import gettext as _

LONGEST = 30 * 86_400.0
# From how many seconds on a unit is used, and how many it has.
_UNITS = ((172_800.0, 86_400.0, "days"), (3600.0, 3600.0, "h"), (60.0, 60.0, "min"))


def in_seconds(duration: float | timedelta) -> float:
    """Return a duration in seconds."""
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def told(seconds: float) -> str:
    """Return a duration as people say it, in the unit that fits it."""
    for least, size, unit in _UNITS:
        if seconds >= least:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def lasting(seconds: float) -> str:
    """Return a duration as people say it, in the language of who reads it."""
    amount, unit = told(seconds).split()
    shown = _("days") if unit == "days" else unit
    return f"{localised(amount)} {shown}"


def localised(number: str) -> str:
    """Return a number that is written with a point as the reader's language writes it."""
    return number.replace(".", str(formats.get_format("DECIMAL_SEPARATOR")))


def check_duration(value: object) -> str | None:
    """Return what is wrong with a duration, or None where it can be used."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (is_number or isinstance(value, timedelta)) and 0 < in_seconds(value) <= LONGEST:  # type: ignore[arg-type]
        return None
    return f"expected seconds (or a timedelta) above 0 and of at most 30 days, got {value!r}"


def seconds_to_wait(timeout: float | timedelta | None) -> float | None:
    """Return a timeout in seconds, None for one longer than Python can wait, and than anybody does.

    Raise TypeError or ValueError for what is no timeout.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float | timedelta):
        raise TypeError(f"timeout: expected seconds, a timedelta or None, got {timeout!r}.")
    seconds = in_seconds(timeout)
    if math.isnan(seconds):
        raise ValueError(f"timeout: expected seconds, a timedelta or None, got {timeout!r}.")
    return None if seconds > TIMEOUT_MAX else seconds
