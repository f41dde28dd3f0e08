"""What the rounds of upkeep have done."""

from typing import NamedTuple


class Promoted(NamedTuple):
    """How many due jobs became ready, and the seconds until the next one is due, if any."""

    count: int  # type: ignore[assignment]
    next_in: float | None


class Reaped(NamedTuple):
    """What was taken back from dead workers.

    `released` jobs are back in their lanes, `suspects` were set apart, `failed` are the ids of
    those that ended as lost, `canceled` of those that somebody had asked to stop.
    """

    workers: tuple[str, ...] = ()
    released: int = 0
    failed: tuple[str, ...] = ()
    suspects: int = 0
    canceled: tuple[str, ...] = ()
