"""A schedule that ticks again and again after the same time, whatever the clocks show."""

import re
from datetime import UTC, datetime, timedelta
from math import isfinite

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.timing import Timing

SHORTEST, LONGEST = 1.0, 3660 * 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1, "": 1}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([dhms])", re.ASCII)
_NUMBER = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)()", re.ASCII)
_PARTS = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


class Interval(Timing):
    """Ticks at `anchor` and every so many seconds before and after it, so that none drifts."""

    def __init__(
        self,
        every: float,
        anchor: datetime | None = None,
        start_at: datetime | None = None,
        end_at: datetime | None = None,
    ) -> None:
        super().__init__(start_at, end_at)
        self.every = timedelta(seconds=check_every(every))
        self.anchor = anchor or self.start_at or _EPOCH

    def _next(self, after: datetime) -> datetime | None:
        return self.anchor + ((after - self.anchor) // self.every + 1) * self.every

    def _last(self, until: datetime) -> datetime | None:
        return self.anchor + (until - self.anchor) // self.every * self.every

    def _count(self, after: datetime, until: datetime, limit: int) -> int:
        found = (until - self.anchor) // self.every - (after - self.anchor) // self.every
        return max(0, min(limit, found))


def check_every(every: object) -> float:
    """Return the seconds of an interval. Raise InvalidSchedule where they cannot be used."""
    is_number = isinstance(every, int | float) and not isinstance(every, bool)
    if is_number and isfinite(every) and SHORTEST <= every <= LONGEST:  # type: ignore[arg-type, operator]
        return float(every)  # type: ignore[arg-type]
    raise InvalidSchedule(
        f"every: expected from 1 second to 3660 days, in seconds, got {every!r}.", option="every"
    )


def parse_every(text: str | float) -> float:
    """Return the seconds of an interval as people write it: 30s, 5m, 1h30m, 1d, or 90."""
    if not isinstance(text, str):
        return check_every(text)
    words = text.strip().lower()
    found = _NUMBER.fullmatch(words) or _PARTS.fullmatch(words)
    units = [unit for _, unit in _PART.findall(words)]
    if found is None or units != sorted(set(units), key="dhms".index):
        raise InvalidSchedule(
            "every: expected seconds or a duration like 30s, 5m, 1h30m or 1d, from 1 second to "
            f"3660 days, got {text!r}.",
            option="every",
        )
    parts = _PART.findall(words) or [(words, "")]
    return check_every(sum(float(number) * _SECONDS[unit] for number, unit in parts))
