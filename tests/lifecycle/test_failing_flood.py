"""A flood of jobs that always fail with huge tracebacks fills no table and holds nobody up."""

from collections.abc import Callable
from typing import Any

import pytest

from django_taskq.jobs.states import State
from django_taskq.models import Attempt
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

# What describes one failure is some 4 MB; this is more than all that is kept of it.
LONGEST_ROW = 34_000
TRIES = 2
FLOOD = 150


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_a_flood_of_failures_stays_bounded_and_holds_nobody_else_up(
    stage: Stage, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    worker = workers.start_working("--threads", "4")
    noisy: Any = tasks.fail.using(tenant="noisy", max_tries=TRIES, backoff=0.1)
    stage.enqueue_acked(noisy, [("huge",)] * FLOOD)
    stage.wait_started(10)
    quiet = stage.enqueue_acked(tasks.work.using(tenant="quiet"), [(0.01,)] * 20)
    wait_until(
        lambda: all(record.is_ended for record in stage.store.get(quiet)),
        timeout=60,
        what="the jobs of the other tenant to end",
    )
    left = stage.unended()
    stage.wait_all_ended(timeout=90)

    rows = list(Attempt._default_manager.using(ALIAS).values_list("reason", "traceback"))
    longest = max(sum(len(text.encode()) for text in row) for row in rows)
    record_property("longest row in bytes", longest)
    record_property("left of the flood when the others were done", left)
    # The flood was still there when the others were done.
    assert left > FLOOD / 4
    assert len(rows) == FLOOD * TRIES
    assert longest <= LONGEST_ROW
    assert {record.state for record in stage.store.get(quiet)} == {State.SUCCESSFUL}
    assert stage.count(State.FAILED) == FLOOD
    ledger_of(stage).assert_sound()
    assert worker.stop() == 0
