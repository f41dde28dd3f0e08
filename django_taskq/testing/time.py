"""Time that tests move: for due times, delays between tries, rates, ages and aging."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

from django.conf import settings
from django.utils import timezone

from django_taskq.jobs.clock import give_clock


class FrozenTime:
    """Time that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = _aware(at)

    @property
    def now(self) -> datetime:
        """The moment at which time stands, aware."""
        return self._at

    def move(self, by: timedelta | float) -> datetime:
        """Put time forward by a timedelta, or by seconds; return the moment that is now."""
        if not isinstance(by, timedelta):
            by = timedelta(seconds=by)
        return self.move_to(self._at + by)

    def move_to(self, at: datetime) -> datetime:
        """Put time forward to a moment and return it. Raise ValueError for an earlier one."""
        at = _aware(at)
        if at < self._at:
            raise ValueError(
                f"Expected a moment from {self._at.isoformat()} on, got {at.isoformat()}. Time "
                "that goes back leaves jobs that were enqueued in the future: freeze anew."
            )
        self._at = at
        return at


@contextmanager
def frozen(at: datetime | None = None) -> Iterator[FrozenTime]:
    """Stop the clocks of all stores, and `django.utils.timezone.now()`, at a moment or at now.

    What reads `datetime.now()` or `time.time()` itself goes on: where that matters, move the time
    with time-machine or freezegun, inside of `process_clock()`.
    """
    time = FrozenTime(timezone.now() if at is None else at)

    def django_now() -> datetime:
        return time.now if settings.USE_TZ else timezone.make_naive(time.now)

    with give_clock(lambda: time.now), mock.patch.object(timezone, "now", django_now):
        yield time


@contextmanager
def process_clock() -> Iterator[None]:
    """Have all stores go by this process's clock, which time-machine and freezegun move.

    A database's server goes by a clock of its own, which they cannot.
    """
    with give_clock(lambda: datetime.now(UTC)):
        yield


def _aware(moment: datetime) -> datetime:
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment, timezone.get_default_timezone())
    return moment.astimezone(UTC)
