"""The clock that all stores of this process go by in the place of their own, where there is one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class _Given:
    """What tells the time instead of every store's own clock, for all threads; None: nothing.

    Tests move time, and nobody can move the clock of a database server.
    """

    now: Callable[[], datetime] | None = None


def given_clock() -> Callable[[], datetime] | None:
    """Return what tells the time instead of a store's own clock, None where that counts."""
    return _Given.now


def host_time() -> datetime:
    """Return the time of this host, or what the given clock says."""
    now = _Given.now
    return datetime.now(UTC) if now is None else now()


@contextmanager
def give_clock(now: Callable[[], datetime]) -> Iterator[None]:
    """Have all stores of this process go by another clock during the block."""
    before, _Given.now = _Given.now, now
    try:
        yield
    finally:
        _Given.now = before
