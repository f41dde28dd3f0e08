"""Whatever a job raises ends that job alone: its worker lives, and the others run."""

import pytest

from django_taskq.jobs.states import Failure, State
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

OTHERS = 500
# The name under which each sort of failure is recorded.
RECORDED = {
    "SystemExit": "builtins.SystemExit",
    "KeyboardInterrupt": "builtins.KeyboardInterrupt",
    "RecursionError": "builtins.RecursionError",
    "BaseException": "builtins.BaseException",
    "GeneratorExit": "builtins.GeneratorExit",
    "huge": "builtins.ValueError",
    "unprintable": "tests.lifecycle.tasks._Unprintable",
}
LONGEST_TRACEBACK = 40_000


def test_each_bad_job_fails_and_500_others_finish(stage: Stage, workers: Workers) -> None:
    bad: dict[str, list[str]] = {}
    good: list[str] = []
    for sort in tasks.SORTS_OF_FAILURE:
        good += stage.enqueue_acked(tasks.work, [()] * (OTHERS // len(RECORDED)))
        bad[sort] = stage.enqueue_acked(tasks.fail, [(sort,)] * 3)
        bad[sort] += stage.enqueue_acked(tasks.afail, [(sort,)] * 2)
    good += stage.enqueue_acked(tasks.work, [()] * (OTHERS - len(good)))
    worker = workers.start_working("--threads", "3")

    stage.wait_all_ended()

    for sort, ids in bad.items():
        for record in stage.store.get(ids):
            assert (record.state, record.failure) == (State.FAILED, Failure.ERROR), sort
            (error,) = record.errors
            assert error.exception_class_path == RECORDED[sort]
            assert 0 < len(error.traceback) < LONGEST_TRACEBACK
    assert {record.state for record in stage.store.get(good)} == {State.SUCCESSFUL}
    assert len(good) == OTHERS
    assert worker.is_running
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    # The threads are all still there: as many jobs as before run side by side.
    gate = stage.path("gate")
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 3)
    stage.wait_started(stage.journal.count("start") + 3)
    gate.touch()
    assert worker.stop() == 0


def test_bad_jobs_with_tries_left_run_again_until_these_are_used_up(
    stage: Stage, workers: Workers
) -> None:
    ids = [
        tasks.fail.using(max_tries=2, backoff=0.05).enqueue(sort).id
        for sort in tasks.SORTS_OF_FAILURE
    ]
    for id in ids:
        stage.journal.write("acked", id)
    workers.start_working("--threads", "3")

    stage.wait_all_ended()

    for record in stage.store.get(ids):
        assert (record.state, record.tries) == (State.FAILED, 2)
        assert len(record.errors) == 2
    ledger_of(stage).assert_sound()
