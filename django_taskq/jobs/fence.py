"""What a write about a running attempt is about, and what it tells."""

from datetime import datetime
from typing import NamedTuple


class Fence(NamedTuple):
    """The attempt of a job that a write is about."""

    seq: int
    attempt: int


class Note(NamedTuple):
    """What a running attempt tells between start and end; None leaves a field as it is."""

    seq: int
    attempt: int
    started_at: datetime | None = None
    progress: str | None = None
    metadata: str | None = None
