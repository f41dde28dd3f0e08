"""What a benchmark was asked to do, and what it found. Durations are in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from django_taskq.stores.database.particulars import Particulars


class Load(NamedTuple):
    """How much to enqueue and who works it; `payload` is the size of each argument in bytes."""

    jobs: int = 10_000
    processes: int = 1
    threads: int = 10
    payload: int = 0


class Rate(NamedTuple):
    """A number of jobs and the time they took together."""

    jobs: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Jobs per second."""
        return self.jobs / max(self.seconds, 1e-9)


class Delays(NamedTuple):
    """How long something took that was tried often."""

    samples: int
    p50: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the median and the value that one in a hundred exceeds, both measured ones."""
        ordered = sorted(values)
        count = len(ordered)
        return cls(count, ordered[count // 2], ordered[min(count - 1, count * 99 // 100)])


class Figures(NamedTuple):
    """What was measured. `start` and `result` count from the commit of the enqueue."""

    round_trip: Delays
    enqueue: Rate
    enqueue_many: Rate
    drain: Rate
    start: Delays
    result: Delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A benchmark that ran to its end, with all that its figures depend on."""

    date: datetime
    backend: str
    load: Load
    database: Particulars
    versions: dict[str, str]
    surroundings: dict[str, Any]
    figures: Figures
