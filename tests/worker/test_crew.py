"""How much a worker claims: what is free, and a few milliseconds of work beyond."""

from types import SimpleNamespace
from typing import Any

import pytest

from django_taskq.options import Options
from django_taskq.stores.memory import MemoryStore
from django_taskq.worker.crew import Crew
from django_taskq.worker.intake import AHEAD_SECONDS, Intake
from django_taskq.worker.marks import NoMarks
from django_taskq.worker.settings import WorkerSettings


class Busy:
    """An executor that stands as it is told to."""

    def __init__(self, *, free: int = 0, waiting: int = 0, startable: int = 0) -> None:
        self.free = free
        self.waiting = waiting
        self.startable = startable
        self.low_mark = 0
        self.running: dict[int, Any] = {}


def crew_of(executor: Busy, *, seconds: float) -> Crew:
    """Return a crew whose jobs took so many seconds each."""
    crew = Crew(
        MemoryStore("threads", Options()),
        WorkerSettings(threads=1),
        lambda alias, settings, hooks: executor,  # type: ignore[arg-type, return-value]
        on_room=lambda: None,
        on_note=lambda: None,
        is_stopping=lambda: False,
        may_start=lambda claim: True,
        on_dropped=lambda: None,
        marks=NoMarks(),
    )
    crew._writer = SimpleNamespace(put=lambda ended: None)  # type: ignore[assignment]
    for _ in range(500):
        ended = SimpleNamespace(duration=seconds, claim=SimpleNamespace(start_by=None))
        crew._deliver(ended)  # type: ignore[arg-type]
    return crew


@pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.002, 0.01, 10.0])
def test_under_a_backlog_a_worker_claims_again_before_five_milliseconds_of_work_are_done(
    seconds: float,
) -> None:
    executor = Busy()
    in_line = crew_of(executor, seconds=seconds).room()
    # What stands in line once the claim is there, and after which of them it claims again.
    assert in_line * seconds <= AHEAD_SECONDS
    assert executor.low_mark == in_line // 2


def test_a_worker_claims_again_when_half_of_its_line_is_left() -> None:
    executor = Busy(waiting=3)
    crew = crew_of(executor, seconds=0.001)
    assert crew.room() == 0
    executor.waiting = executor.low_mark
    assert crew.room() > 0


def test_long_jobs_are_claimed_for_free_threads_alone() -> None:
    assert crew_of(Busy(free=3, startable=3), seconds=10.0).room() == 3
    assert crew_of(Busy(), seconds=10.0).room() == 0


def test_a_worker_without_a_free_thread_claims_for_what_could_start_all_the_same() -> None:
    assert crew_of(Busy(startable=1), seconds=10.0).room() == 1


def test_limited_jobs_may_start_once_short_ones_in_line_are_done() -> None:
    crew = crew_of(Busy(waiting=1), seconds=0.001)
    assert crew.idle == 0
    assert 0 < crew.startable <= crew.room()


def test_limited_jobs_wait_for_a_free_thread_where_jobs_are_long_or_unknown() -> None:
    assert crew_of(Busy(), seconds=10.0).startable == 0
    unknown = crew_of(Busy(), seconds=0.001)
    unknown._intake = Intake()
    assert unknown.startable == 0
