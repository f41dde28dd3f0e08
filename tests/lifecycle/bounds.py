"""What ran at once and how often something started, by the journal and by the rows."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Self

from django.db import connections
from django.db.models import Count

from django_taskq.jobs.states import State
from django_taskq.models import Job
from tests.lifecycle.stage import ALIAS, Stage

LOOK_EVERY = 0.02

type Span = tuple[float, float]


def spans_of(stage: Stage, ids: Collection[str], died_at: Mapping[int, float]) -> list[Span]:
    """Return from when to when each attempt of these jobs ran.

    `died_at` says when processes were killed, by pid; what ran there then, ran no longer.
    """
    events = stage.journal.events("start", "effect")
    # A try that its process did not survive has the same number as the next one.
    ends = {event[1:5]: event.at for event in events if event.kind == "effect"}
    return [
        (event.at, ends.get(event[1:5], died_at.get(event.pid, event.at)))
        for event in events
        if event.kind == "start" and event.job in ids
    ]


def most_at_once(spans: Iterable[Span]) -> int:
    """Return how many ran at the same moment at the most."""
    # At one moment an end comes before a start.
    steps = sorted(step for begin, end in spans for step in ((begin, 1), (end, -1)))
    running = most = 0
    for _, change in steps:
        running += change
        most = max(most, running)
    return most


def busy(spans: Iterable[Span], begin: float, end: float) -> float:
    """Return how many ran at once on average in a stretch of time."""
    return sum(max(0.0, min(till, end) - max(since, begin)) for since, till in spans) / (
        end - begin
    )


def most_in_a_window(moments: Iterable[float], length: float) -> int:
    """Return how many moments the fullest window has; it holds its begin and not its end."""
    ordered = sorted(moments)
    return max(
        (bisect_left(ordered, at + length) - place for place, at in enumerate(ordered)), default=0
    )


def most_claimed(moments: Iterable[datetime | None], seconds: float) -> int:
    """Return how many claims the fullest window of so many seconds has, on the store's clock."""
    ordered = sorted(moment for moment in moments if moment is not None)
    length = timedelta(seconds=seconds)
    return max(
        (bisect_left(ordered, at + length) - place for place, at in enumerate(ordered)), default=0
    )


class Watch:
    """Counts what the rows say is running, again and again while a test goes on.

    `most` is the most that was seen at one look, by a column of the job and its value. A job
    whose process was killed counts until somebody has taken it back.
    """

    COLUMNS = ("task", "tenant", "queue")

    def __init__(self) -> None:
        self.looks = 0
        self.most: dict[tuple[str, str], int] = defaultdict(int)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _watch(self) -> None:
        try:
            while not self._stop.wait(LOOK_EVERY):
                self._look()
        finally:
            connections[ALIAS].close()

    def _look(self) -> None:
        # One statement: all columns are counted at the same moment.
        running = Job.objects.using(ALIAS).filter(state=State.RUNNING).order_by()
        rows = list(running.values_list(*self.COLUMNS).annotate(Count("pk")))
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for *values, count in rows:
            for column, value in zip(self.COLUMNS, values, strict=True):
                counts[column, value] += count
        for key, count in counts.items():
            self.most[key] = max(self.most[key], count)
        self.looks += 1
