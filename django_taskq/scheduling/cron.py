"""A schedule that ticks by the clocks on the wall of a time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django_taskq.scheduling.clocks import (
    Stretch,
    naive,
    stretch_at,
    stretches_back,
    stretches_from,
)
from django_taskq.scheduling.expression import Expression
from django_taskq.scheduling.timing import Timing

_INSTANT = timedelta(microseconds=1)


class Cron(Timing):
    """Ticks at the local times of an expression.

    Local times that a change of clocks leaves out become one tick, at the change. Of local times
    that come twice an expression that fixes the hour takes the first pass, any other both. Where
    any other expression goes on through the change at the same pace, nothing was left out: the
    local time that is later by the change is the same instant as the one that is missing.
    """

    def __init__(
        self,
        expression: Expression,
        zone: ZoneInfo,
        start_at: datetime | None = None,
        end_at: datetime | None = None,
    ) -> None:
        super().__init__(start_at, end_at)
        self.expression, self.zone = expression, zone

    def _next(self, after: datetime) -> datetime | None:
        moment = naive(after) + _INSTANT
        stretches = stretches_from(self.zone, moment)
        stretch = next(stretches)
        found = self.expression.at_or_after(max(moment + stretch.offset, self._opening(stretch)))
        while found is not None and found >= stretch.end + stretch.offset:
            stretch = next(stretches)
            if stretch.shift:
                if self._has_tick_at_start(stretch):
                    return stretch.start.replace(tzinfo=UTC)
                found = self.expression.at_or_after(self._opening(stretch))
        return None if found is None else (found - stretch.offset).replace(tzinfo=UTC)

    def _last(self, until: datetime) -> datetime | None:
        moment = naive(until)
        found: datetime | None = None
        end = moment + _INSTANT
        for stretch in stretches_back(self.zone, moment):
            found = self.expression.before(min(end, stretch.end) + stretch.offset)
            if found is not None and found >= self._opening(stretch):
                return (found - stretch.offset).replace(tzinfo=UTC)
            if self._has_tick_at_start(stretch):
                return stretch.start.replace(tzinfo=UTC)
        return None

    def _count(self, after: datetime, until: datetime, limit: int) -> int:
        start, end = naive(after) + _INSTANT, naive(until) + _INSTANT
        found = 0
        for stretch in stretches_from(self.zone, start):
            if stretch.start >= end or found >= limit:
                break
            first = max(start + stretch.offset, self._opening(stretch))
            found += self.expression.count(first, min(end, stretch.end) + stretch.offset)
            if start <= stretch.start and not self.expression.has(stretch.opening):
                found += self._has_tick_at_start(stretch)
        return min(found, limit)

    def note_of(self, due: datetime) -> str | None:
        """Return a sentence where a change of clocks moved or merged this tick."""
        moment = naive(due)
        stretch = stretch_at(self.zone, moment)
        if moment == stretch.start and self._has_tick_at_start(stretch):
            return self._left_out(stretch)
        local = due.astimezone(self.zone)
        if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
            return None
        which = "second" if local.fold else "first"
        rule = "it runs at the first" if self.expression.is_fixed else f"this is the {which}"
        return f"{_told(local)} comes twice on {local.date()} in {self.zone.key}; {rule}."

    def _left_out(self, stretch: Stretch) -> str:
        gone, opening = stretch.start + stretch.before, stretch.opening
        first = self.expression.at_or_after(gone) or gone
        last = self.expression.before(opening) or gone
        what = f"{_told(first)} does" if first == last else f"{_told(first)} to {_told(last)} do"
        return (
            f"{what} not exist on {first.date()} in {self.zone.key}, where the clocks go from "
            f"{_told(gone)} to {_told(opening)}; it runs once, then."
        )

    def _opening(self, stretch: Stretch) -> datetime:
        """Return the first local time of a stretch that counts."""
        return max(stretch.opening, stretch.fresh) if self.expression.is_fixed else stretch.opening

    def _has_tick_at_start(self, stretch: Stretch) -> bool:
        """Tell whether local times that were left out at its start become a tick there."""
        shift = stretch.shift
        is_fixed = self.expression.is_fixed
        if shift <= timedelta() or (not is_fixed and self.expression.is_same_after(shift)):
            return False
        left_out = self.expression.at_or_after(stretch.opening - shift)
        while left_out is not None and left_out < stretch.opening:
            if is_fixed or not self.expression.has(left_out + shift):
                return True
            left_out = self.expression.at_or_after(left_out + _INSTANT)
        return False


def _told(local: datetime) -> str:
    return local.strftime("%H:%M:%S" if local.second else "%H:%M")
