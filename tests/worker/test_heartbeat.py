"""What running jobs write down reaches the store, whatever happens on the way."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic

import pytest

from django_taskq.context import Notepad
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.fence import Note
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.workers import Beat, Pulse, WorkerInfo
from django_taskq.options import Options
from django_taskq.stores.memory import MemoryStore
from django_taskq.worker.heartbeat import Heartbeat
from django_taskq.worker.marks import NoMarks

WORKER = "host:1:abc"


class FailingStore(MemoryStore):
    """Refuses to take notes while it is down."""

    is_down = False

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        if self.is_down:
            raise ConnectionError("gone")
        return super().note(worker_id, notes)


@pytest.fixture
def store() -> FailingStore:
    opened = FailingStore("heartbeat", Options())
    opened.join(WorkerInfo(WORKER, "host:1", "host", 1))
    opened.insert([JobSpec(new_id(), "tests.app.tasks.echo")])
    return opened


@pytest.fixture
def claim(store: FailingStore) -> Claim:
    return store.claim(ClaimRequest(WORKER, 1))[0]


def heartbeat_of(store: FailingStore, pad: Notepad) -> Heartbeat:
    return Heartbeat(
        store,
        WORKER,
        {pad.claim.seq: pad},
        pulse=lambda: Pulse(0.0, 1),
        on_lost=lambda: WORKER,
        on_doubt=lambda: None,
        on_stop=lambda: None,
        read_cancels=lambda worker_id: None,
        marks=NoMarks(),
    )


def test_notes_that_could_not_be_stored_are_stored_by_the_next_beat(
    store: FailingStore, claim: Claim
) -> None:
    pad = Notepad(claim, {"page": 3}, monotonic())
    saved = pad.saved = threading.Event()
    pad.progress, pad.is_dirty = '[1,2,""]', True
    heartbeat = heartbeat_of(store, pad)

    store.is_down = True
    with pytest.raises(ConnectionError):
        heartbeat.beat()
    assert not saved.is_set()

    store.is_down = False
    heartbeat.beat()
    assert saved.is_set()
    job = store.get([claim.id])[0]
    assert (job.metadata, job.progress_json) == ({"page": 3}, '[1,2,""]')


def test_a_job_that_runs_for_a_second_has_its_start_noted(
    store: FailingStore, claim: Claim
) -> None:
    pad = Notepad(claim, {}, monotonic() - 1.5)
    heartbeat_of(store, pad).beat()
    started_at = store.get([claim.id])[0].started_at
    assert started_at is not None
    assert started_at <= datetime.now(UTC)


def test_a_lease_that_may_be_gone_is_renewed_with_the_next_beat_alone(
    store: FailingStore, claim: Claim
) -> None:
    heartbeat = heartbeat_of(store, Notepad(claim, {}, monotonic()))
    beats: list[str] = []
    renew = store.heartbeat

    def count(worker_id: str, pulse: Pulse | None = None) -> Beat:
        beats.append(worker_id)
        return renew(worker_id, pulse)

    store.heartbeat = count  # type: ignore[method-assign]
    heartbeat.beat()
    assert beats == []
    heartbeat.hurry()
    heartbeat.beat()
    heartbeat.beat()
    assert beats == [WORKER]
