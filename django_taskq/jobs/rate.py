"""How often something may start: rates as people write them, and the generic cell rate algorithm.

One moment is all that is kept of a rate: when its next start would be due if all went evenly,
the theoretical arrival time of GCRA (ITU-T I.371). It tells how many may start now, and when
the next one may, without a count and without a window.
"""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

MOST = 1_000_000

# The part of a period by which a start may come early, after others came late, and by which it
# may come later than it was allowed. Starts are spaced so much wider that no window of one
# period ever sees more than the rate says, which costs 4 % of it.
SLACK = 0.02
LONGEST_SLACK = 1.0

_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"([1-9][0-9]{0,6})/([smh])")


class Rate(NamedTuple):
    """At most `starts` in any `period` of so many seconds."""

    starts: int
    period: float

    @property
    def slack(self) -> float:
        """The seconds by which a start may come early, and those by which it may come late."""
        return min(LONGEST_SLACK, SLACK * self.period)

    @property
    def interval(self) -> timedelta:
        """The time between two starts that come evenly, in whole microseconds as all moments are.

        Never rounded down: so little, a million times over, would let more start than allowed.
        """
        spread = round((self.period + 2 * self.slack) * 1_000_000)
        return timedelta(microseconds=-(-spread // self.starts))

    # `patience` is by how many seconds a start may come later than by the slack, on a host that is
    # too busy to start anything in time. Whatever follows comes as much later, so that it breaks
    # no rate: it costs starts.

    def room(self, next_at: datetime | None, now: datetime, patience: float = 0.0) -> int:
        """Return how many may start now; `next_at` is what `spend` last returned, if ever."""
        early = now + timedelta(seconds=self.slack) - max(next_at or now, now)
        return 0 if early < timedelta(0) else 1 + early // self._step(patience)

    def opens_in(self, next_at: datetime | None, now: datetime) -> float:
        """Return the seconds until one may start, 0 where that is now."""
        wait = (next_at or now) - timedelta(seconds=self.slack) - now
        return max(0.0, wait.total_seconds())

    def ends_in(self, next_at: datetime | None, now: datetime, patience: float = 0.0) -> float:
        """Return the seconds within which a start has to come that is counted now.

        It may be early by the slack, and late by it: who was counted early has longer.
        """
        early = max(next_at or now, now) - now
        return early.total_seconds() + self.slack + patience

    def spend(
        self, next_at: datetime | None, now: datetime, starts: int, patience: float = 0.0
    ) -> datetime:
        """Return when the next start is due after so many now."""
        return max(next_at or now, now) + starts * self._step(patience)

    def _step(self, patience: float) -> timedelta:
        return self.interval + timedelta(seconds=patience) if patience else self.interval

    def __str__(self) -> str:
        (unit,) = (unit for unit, seconds in _PERIODS.items() if seconds == self.period)
        return f"{self.starts}/{unit}"


def read_rate(text: str) -> Rate:
    """Read a rate as `check_rate` allows it."""
    starts, unit = text.split("/")
    return Rate(int(starts), _PERIODS[unit])


def check_rate(value: object) -> str | None:
    """Return what is wrong with a rate, or None where it can be used."""
    written = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if written is not None and int(written[1]) <= MOST:
        return None
    return (
        f'expected a rate like "10/s", "600/m" or "1000/h" (a whole number from 1 to {MOST}, a '
        f"slash, and s, m or h), got {value!r}"
    )
