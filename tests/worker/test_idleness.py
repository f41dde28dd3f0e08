"""How a worker falls asleep: behind jobs that were all there were, and with nothing to do."""

from types import SimpleNamespace
from typing import Any

import pytest

from django_taskq.worker.idleness import NAP, QUIET, Idleness
from django_taskq.worker.settings import WorkerSettings

ME = "host:1:abc"


class Bed:
    """A store in which a worker sleeps for as long as it is told to, and not a moment really."""

    is_local = False

    def __init__(self, *, rings_for_room: bool = False) -> None:
        self.rings_for_room = rings_for_room
        self.now = 0.0
        self.sleeps = 1.0
        self.pauses: list[float] = []
        self.was_left_alone: list[bool] = []
        self.armed = 0
        self.idleness: Idleness

    def arm(self, worker_id: str) -> None:
        self.armed += 1

    def disarm(self, worker_id: str) -> None:
        self.armed -= 1

    def wait(self, worker_id: str, wakeup: Any, timeout: float) -> None:
        self.pauses.append(timeout)
        self.was_left_alone.append(self.idleness.is_left_alone)
        self.now += min(self.sleeps, timeout)


@pytest.fixture
def looks() -> list[str]:
    return []


@pytest.fixture
def bed_of(monkeypatch: pytest.MonkeyPatch, looks: list[str]) -> Any:
    def make(*, rings_for_room: bool = False, **settings: Any) -> Bed:
        bed = Bed(rings_for_room=rings_for_room)
        monkeypatch.setattr("django_taskq.worker.idleness.monotonic", lambda: bed.now)
        wakeup: Any = SimpleNamespace(is_set=lambda: False, clear=lambda: None)
        bed.idleness = Idleness(
            bed,  # type: ignore[arg-type]
            WorkerSettings(**settings),
            wakeup,
            lambda: looks.append("upkeep"),
        )
        return bed

    return make


def test_a_worker_that_slept_naps_behind_a_job_that_was_all_there_was(bed_of: Any) -> None:
    bed = bed_of()
    for _ in range(2):
        bed.idleness.rest(ME, 3.0)
    bed.idleness.end(ME)
    bed.idleness.nap(ME, 3.0)
    assert bed.pauses == [3.0, NAP]


def test_who_is_not_armed_naps_never(bed_of: Any) -> None:
    bed = bed_of()
    bed.idleness.nap(ME, 3.0)
    assert bed.pauses == []


def test_a_worker_that_is_woken_again_and_again_looks_for_more_and_is_disarmed(bed_of: Any) -> None:
    bed = bed_of()
    bed.sleeps = QUIET / 2
    for _ in range(2):
        bed.idleness.rest(ME, 3.0)
    for _ in range(3):
        bed.idleness.end(ME)
        bed.idleness.nap(ME, 3.0)
        bed.now += 0.1
    assert bed.pauses == [3.0]
    assert bed.armed == 0


def test_a_worker_that_ends_with_its_work_looks_whether_that_was_all(bed_of: Any) -> None:
    bed = bed_of(is_burst=True)
    for _ in range(2):
        bed.idleness.rest(ME, 3.0)
    bed.idleness.nap(ME, 3.0)
    assert bed.pauses == [3.0]


def test_what_may_be_due_soon_is_looked_for_after_the_nap(bed_of: Any, looks: list[str]) -> None:
    bed = bed_of()
    for _ in range(2):
        bed.idleness.rest(ME, 1.0)
    looks.clear()
    bed.idleness.nap(ME, 3.0)
    assert looks == []
    bed.idleness.rest(ME, 1.0)
    assert looks == ["upkeep"]


@pytest.mark.parametrize(
    ("rings_for_room", "settings", "is_left_alone"),
    [(True, {}, True), (False, {}, False), (True, {"max_jobs": 1}, False)],
)
def test_a_sleeper_is_left_alone_where_the_store_rings_for_what_an_end_lets_start(
    bed_of: Any, rings_for_room: bool, settings: dict[str, Any], is_left_alone: bool
) -> None:
    bed = bed_of(rings_for_room=rings_for_room, **settings)
    for _ in range(2):
        bed.idleness.rest(ME, 3.0)
    assert bed.was_left_alone == [is_left_alone]
    assert not bed.idleness.is_left_alone
