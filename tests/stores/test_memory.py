"""What is the memory store's own: MAX_RESULTS, no lease, the end of a pool, no database."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.memory import MemoryStore
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.line import SLACK, Line
from django_taskq.stores.wakeup import Wakeup
from tests.deadlines import wait_until
from tests.stores.jobs import (
    WORKER,
    Thread,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    join,
    lose,
    record,
    retry,
    spec,
    state,
    success,
)


def open_store(max_results: int = 1000) -> MemoryStore:
    """Return a store as a thread pool opens it."""
    return MemoryStore("threads", Options(max_results=max_results))


def end_all(store: Store, limit: int = 100) -> list[Claim]:
    """Run what is ready."""
    claims = claim(store, limit)
    finish(store, *[success(claimed) for claimed in claims])
    return claims


def test_the_results_that_ended_first_are_dropped_first() -> None:
    store = open_store(max_results=3)
    ids = insert_many(store, 5)
    first, *rest = claim(store, 5)
    finish(store, *[success(claimed) for claimed in rest])
    finish(store, success(first))

    assert [job.id for job in store.get(ids)] == [ids[0], ids[3], ids[4]]


def test_unfinished_jobs_are_never_dropped() -> None:
    store = open_store(max_results=0)
    later, running = insert_later(store), insert(store)
    claimed = claim_one(store)
    ids = insert_many(store, 5)
    ended = end_all(store)

    assert len(ended) == 5
    assert store.get(ids) == []
    assert [job.state for job in store.get([later, running])] == [State.SCHEDULED, State.RUNNING]
    assert finish(store, retry(claimed)) == [State.READY]
    assert state(store, running) == State.READY


def test_a_retried_job_is_no_result_any_more() -> None:
    store = open_store(max_results=2)
    id = insert(store)
    finish(store, failure(claim_one(store)))
    store.retry([id])
    claimed = claim_one(store)
    insert_many(store, 5)
    end_all(store)
    assert state(store, id) == State.RUNNING
    finish(store, success(claimed))

    assert record(store, id).state == State.SUCCESSFUL


@pytest.mark.parametrize("verb", ["cancel", "forget", "close"])
def test_every_verb_that_ends_jobs_keeps_to_the_number_of_results(verb: str) -> None:
    store = open_store(max_results=2)
    ids = insert_many(store, 5)
    if verb == "cancel":
        store.cancel(ids)
    elif verb == "close":
        store.close()
    else:
        claim(store, 5)
        store.cancel(ids)
        store.forget(WORKER)

    assert [job.state for job in store.get(ids)] == [State.CANCELED] * 2
    assert store.prune(100) == 0


def test_results_do_not_leave_by_age() -> None:
    clock = FrozenClock(datetime.now(UTC))
    store = MemoryStore("threads", Options(), clock=lambda: clock.at)
    id = insert(store)
    end_all(store)
    clock.move(timedelta(days=365).total_seconds())

    assert store.prune(100) == 0
    assert state(store, id) == State.SUCCESSFUL


def test_waiting_for_a_result_that_was_dropped_returns() -> None:
    store = open_store(max_results=0)
    id = insert(store)
    caller = Thread(lambda: store.wait_ended([id], 30))
    end_all(store)

    assert caller.result() is True
    assert store.wait_ended([id, new_id()], None)


def test_a_worker_without_lease_keeps_its_jobs_however_long_the_process_slept() -> None:
    clock = FrozenClock(datetime.now(UTC))
    store = MemoryStore("threads", Options(), clock=lambda: clock.at)
    join(store)
    id = insert(store)
    claim_one(store)
    clock.move(timedelta(days=365).total_seconds())

    assert store.reap() == Reaped()
    assert store.heartbeat(WORKER).is_alive
    assert state(store, id) == State.RUNNING


def test_a_lost_job_is_not_set_apart() -> None:
    store = open_store()
    wakeup = Wakeup()
    id = insert(store)
    claimed = claim_one(store)
    store.arm(WORKER)
    store.wait(WORKER, wakeup, 0)
    assert lose(store, claimed, was_alone=True) == [State.READY]

    assert wakeup.is_set()
    assert not store.has_suspects()
    assert claim(store, suspects=True) == []
    assert claim_one(store).id == id


def test_closing_gives_all_that_waits_a_final_state() -> None:
    store = open_store()
    running = insert(store)
    claimed = claim_one(store)
    ready, later = insert(store), insert_later(store)
    caller = Thread(lambda: store.wait_ended([ready, later], 30))
    store.close()

    assert caller.result() is True
    for job in store.get([ready, later]):
        assert (job.state, job.failure) == (State.CANCELED, Failure.CANCELED)
        assert job.reason == "The pool was closed."
        assert job.finished_at is not None
    assert finish(store, success(claimed)) == [State.SUCCESSFUL]
    assert state(store, running) == State.SUCCESSFUL


def test_a_caller_that_gave_up_leaves_nothing_behind() -> None:
    store = open_store()
    ids = insert_many(store, 3)
    claims = claim(store, 3)
    finish(store, success(claims[0]))

    assert not store.wait_ended(ids, 0.01)
    assert not store._board.waiters


def test_a_caller_waits_for_the_last_of_its_jobs() -> None:
    store = open_store()
    ids = insert_many(store, 3)
    claims = claim(store, 3)
    caller = Thread(lambda: store.wait_ended(ids, 30))
    wait_until(lambda: store._board.waiters)
    for claimed in claims[:2]:
        finish(store, success(claimed))
        assert store._board.waiters
    finish(store, success(claims[2]))

    assert caller.result() is True
    assert not store._board.waiters


def release_one(store: Store) -> None:
    """Claim a job and give it back."""
    claimed = claim_one(store)
    store.release(WORKER, [Fence(claimed.seq, claimed.attempt)])


def retry_one(store: Store) -> None:
    """Cancel a job and retry it."""
    store.cancel([insert(store)])
    store.retry([job.id for job in store.find(JobFilter())])


@pytest.mark.parametrize(
    "make_ready",
    [
        lambda store: store.requeue([insert(store)]),
        lambda store: store.run_now([insert_later(store)]),
        lambda store: (insert(store), release_one(store)),
        lambda store: (insert(store), finish(store, retry(claim_one(store)))),
        lambda store: (insert(store), claim_one(store), store.forget(WORKER)),
        retry_one,
    ],
    ids=["requeue", "run_now", "release", "finish", "forget", "retry"],
)
def test_whatever_makes_a_job_ready_wakes_armed_workers(
    make_ready: Callable[[Store], object],
) -> None:
    store = open_store()
    store.arm("idle")
    wakeup = Wakeup()
    store.wait("idle", wakeup, 0)
    make_ready(store)

    assert wakeup.is_set()


def test_a_busy_worker_is_left_alone() -> None:
    store = open_store()
    wakeup = Wakeup()
    store.arm(WORKER)
    store.wait(WORKER, wakeup, 0)
    store.disarm(WORKER)
    insert(store)

    assert not wakeup.is_set()


def test_jobs_taken_out_of_a_line_do_not_gather_in_it() -> None:
    line = Line()
    now = datetime.now(UTC)
    for number in range(10_000):
        job = MemoryJob(number, spec(), 0, now)
        line.push(0, job)
        line.remove(job)

    assert len(line) == 0
    assert len(line._heap) <= SLACK + 1
    assert line.first() is None
    assert line.take(1) == []


def test_a_read_record_is_a_plain_frozen_record() -> None:
    store = open_store()
    job = record(store, insert(store))

    assert type(job).__name__ == "JobRecord"
    with pytest.raises(AttributeError):
        job.state = State.FAILED  # type: ignore[misc]


def test_the_store_needs_no_database_and_imports_no_model() -> None:
    code = (
        "import sys\n"
        "from django.conf import settings\n"
        "settings.configure(DATABASES={})\n"
        "from django_taskq.stores.memory import MemoryStore\n"
        "from django_taskq.options import Options\n"
        "from django_taskq.jobs.spec import JobSpec\n"
        "MemoryStore('a', Options()).insert([JobSpec('x', 'y')])\n"
        "print([name for name in sys.modules if name.startswith('django_taskq.models')])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr


def test_finishing_and_reading_stay_cheap_with_many_jobs_waiting() -> None:
    """A job among 100,000 costs about what it costs alone: no verb walks over all of them."""
    store = open_store(max_results=100_000)
    insert_many(store, 100_000)
    ids = insert_many(store, 2_000, tenant="quick", priority=1)
    before = monotonic()
    done = 0
    while done < len(ids):
        claims = claim(store, 50)
        finish(store, *[success(claimed) for claimed in claims])
        done += sum(claimed.tenant == "quick" for claimed in claims)
    store.get(ids)

    # Some 0.1 s; a walk over the waiting jobs in each step would take a minute.
    assert monotonic() - before < 5


def test_no_insert_is_slept_through_however_threads_interleave() -> None:
    store = open_store(max_results=10_000)
    threads, each = 4, 250
    got: list[str] = []

    def work() -> None:
        wakeup = Wakeup()
        is_armed = False
        while len(got) < threads * each:
            wakeup.clear()
            claims = claim(store, 50)
            got.extend(claimed.id for claimed in claims)
            if claims:
                # Busy workers are not woken: that they look by themselves is part of the story.
                store.disarm(WORKER)
                is_armed = False
            elif is_armed:
                # Longer than the test waits: a lost wake-up is seen.
                store.wait(WORKER, wakeup, 120)
            else:
                store.arm(WORKER)
                is_armed = True

    worker = Thread(work)
    producers = [Thread(lambda: [insert(store) for _ in range(each)]) for _ in range(threads)]
    inserted = [id for producer in producers for id in producer.result()]
    worker.result()

    assert sorted(got) == sorted(inserted)
