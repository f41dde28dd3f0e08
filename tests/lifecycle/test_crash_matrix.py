"""A worker may die at any step of the protocol: another one brings every job to its end."""

from collections.abc import Callable
from datetime import timedelta
from signal import SIGKILL, SIGTERM
from time import monotonic

import pytest

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerInfo
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = pytest.mark.lifecycle

LEASE = 1.0
SLACK = 5.0
LONG = 1.3


def _enqueue_plain(stage: Stage) -> None:
    stage.enqueue_acked(tasks.work, [(0.01,)] * 12)
    stage.enqueue_acked(tasks.fail.using(max_tries=2, backoff=0.05), [("RecursionError",)] * 2)


def _enqueue_long(stage: Stage) -> None:
    stage.enqueue_acked(tasks.work, [(LONG,)] * 3)


def _enqueue_scheduled(stage: Stage) -> None:
    later = tasks.work.using(run_after=timedelta(seconds=2))
    stage.enqueue_acked(later, [()] * 4)


def _leave_orphans(stage: Stage) -> None:
    """Leave jobs in the hands of a worker whose lease is over."""
    stage.enqueue_acked(tasks.work, [()] * 4)
    stage.store.join(WorkerInfo("gone", "gone", "elsewhere", 1))
    assert len(stage.store.claim(ClaimRequest("gone", 4))) == 4
    wait_until(
        lambda: not any(worker.is_alive for worker in stage.store.insights().workers),
        what="the lease of the worker that is gone to end",
    )


def _enqueue_queued(stage: Stage) -> None:
    """Enqueue more long jobs than there are threads, so that some are claimed ahead."""
    stage.enqueue_acked(tasks.work, [(0.5,)] * 8)


def _enqueue_nothing(stage: Stage) -> None:
    """An idle worker dies."""


# What there must be to do for the worker to come to the verb.
LOADS: dict[str, Callable[[Stage], None]] = {
    "claim": _enqueue_plain,
    "finish": _enqueue_plain,
    "heartbeat": _enqueue_plain,
    "note": _enqueue_long,
    "promote": _enqueue_scheduled,
    "reap": _leave_orphans,
    "arm": _enqueue_plain,
    "release": _enqueue_queued,
    "forget": _enqueue_queued,
}
# Moments that hardly differ from one of the above.
MORE_LOADS: dict[str, Callable[[Stage], None]] = {
    "join": _enqueue_plain,
    "cancels_asked": _enqueue_long,
    "wait": _enqueue_nothing,
}
# Verbs of a worker that stops.
AT_THE_END = {"release", "forget"}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "verb", [*LOADS, *(pytest.param(verb, marks=pytest.mark.soak) for verb in MORE_LOADS)]
)
def test_a_worker_killed_at_a_verb_leaves_nothing_that_another_cannot_finish(
    stage: Stage, workers: Workers, verb: str, moment: str
) -> None:
    stage.use(LEASE=LEASE)
    (LOADS | MORE_LOADS)[verb](stage)
    victim = _start(workers, verb, moment)
    if verb in AT_THE_END:
        stage.wait_started(2)
        victim.wait_for_log("works")
        victim.signal(SIGTERM)

    assert victim.wait(30) == -SIGKILL, f"The worker never came to {verb}:\n{victim.log}"
    _assert_another_finishes(stage, workers, victim)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 41))
def test_a_worker_killed_after_any_statement_leaves_nothing_that_another_cannot_finish(
    stage: Stage, workers: Workers, number: int
) -> None:
    stage.use(LEASE=LEASE)
    for load in (_leave_orphans, _enqueue_plain, _enqueue_long, _enqueue_scheduled):
        load(stage)
    victim = _start(workers, "statement", str(number))

    assert victim.wait(30) == -SIGKILL
    _assert_another_finishes(stage, workers, victim)


def _start(workers: Workers, *where: str) -> RealWorker:
    return workers.start(
        *where, "--threads", "2", "--grace", "5", program=("tests.lifecycle.failing_worker",)
    )


def _assert_another_finishes(stage: Stage, workers: Workers, victim: RealWorker) -> None:
    died_at = monotonic()
    if not stage.records():
        stage.enqueue_acked(tasks.work, [()] * 3)
    held = {record.id for record in stage.records(State.RUNNING)}
    workers.start_working("--threads", "8")
    stage.wait_all_ended()

    starts = [event for event in stage.journal.events("start") if event.group != victim.pid]
    again = [event.at - died_at for event in starts if event.job in held]
    assert max(again, default=0.0) < LEASE + SLACK + _time_to_start(stage, died_at)
    assert not stage.count(State.RUNNING)
    ledger = ledger_of(stage, disturbed={victim.pid})
    ledger.assert_sound()
    for record in stage.records():
        is_bad = record.task.endswith(".fail")
        assert record.state is (State.FAILED if is_bad else State.SUCCESSFUL)
        assert record.tries == (2 if is_bad else 1)
        assert record.lost <= 1


def _time_to_start(stage: Stage, since: float) -> float:
    """Return how long the second worker took to join, which a busy machine makes long."""
    return max(event.at for event in stage.journal.events("joined")) - since
