"""A schedule with a single tick."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django_taskq.scheduling.clocks import instant_of
from django_taskq.scheduling.timing import Timing


class Once(Timing):
    """One tick; without an offset `at` is a local time of the zone."""

    def __init__(
        self,
        at: datetime,
        zone: ZoneInfo,
        start_at: datetime | None = None,
        end_at: datetime | None = None,
    ) -> None:
        super().__init__(start_at, end_at)
        self.at = instant_of(at, zone)

    def _next(self, after: datetime) -> datetime | None:
        return self.at if self.at > after else None

    def _last(self, until: datetime) -> datetime | None:
        return self.at if self.at <= until else None

    def _count(self, after: datetime, until: datetime, limit: int) -> int:
        return min(limit, int(after < self.at <= until))
