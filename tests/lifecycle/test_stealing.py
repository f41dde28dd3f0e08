"""A worker told to steal serves its own tenants first, and others as soon as these have nothing."""

from collections.abc import Callable
from datetime import datetime
from statistics import median

import pytest
from django.db import transaction

from tests.lifecycle import tasks
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

ROUNDS = 7
OWN, FOREIGN = 6, 3
JOB = 0.01
# A poll is a second; what the figure is where nothing else runs, docs/fairness.md tells.
LONGEST_GAP = 0.5


@pytest.mark.parametrize("steal", ["*", "other,third"])
def test_a_foreign_job_starts_within_100_ms_of_the_own_running_dry(
    stage: Stage, workers: Workers, steal: str, record_property: Callable[[str, object], None]
) -> None:
    rest = stage.enqueue_acked(tasks.work.using(tenant="other"), [(JOB,)] * 20)
    first = stage.enqueue_acked(tasks.work.using(tenant="own"), [(JOB,)] * 20)
    worker = workers.start_working("--threads", "2", "--tenants", "own", "--steal", steal)
    stage.wait_all_ended()
    # What was there as the worker came, for a claim may see what others have just enqueued
    # after it has found none of its own.
    assert max(claimed(stage, first)) <= min(claimed(stage, rest))
    gaps = []
    for _ in range(ROUNDS):
        with transaction.atomic(using=ALIAS):
            foreign = stage.enqueue_acked(tasks.work.using(tenant="other"), [(JOB,)] * FOREIGN)
            own = stage.enqueue_acked(tasks.work.using(tenant="own"), [(JOB,)] * OWN)
        stage.wait_all_ended()
        events = stage.journal.events("start", "effect")
        started = {event.job: event.at for event in events if event.kind == "start"}
        ended = {event.job: event.at for event in events if event.kind == "effect"}
        first_stolen = min(started[id] for id in foreign)
        gaps.append(first_stolen - max(ended[id] for id in own))

    record_property("gaps in ms", [round(gap * 1000, 1) for gap in gaps])
    assert median(gaps) < LONGEST_GAP
    assert worker.stop() == 0


def claimed(stage: Stage, ids: list[str]) -> list[datetime]:
    """Return when jobs were handed out; threads may start what they got in another order."""
    return [record.claimed_at for record in stage.store.get(ids) if record.claimed_at]


def test_a_worker_leaves_those_alone_that_it_was_not_told_to_serve(
    stage: Stage, workers: Workers
) -> None:
    workers.start_working("--threads", "2", "--tenants", "own", "--steal", "other")
    stage.enqueue_acked(tasks.work.using(tenant="stranger"), [()] * 3)
    stage.enqueue_acked(tasks.work, [()] * 3)
    served = stage.enqueue_acked(tasks.work.using(tenant="own"), [()] * 3)
    served += stage.enqueue_acked(tasks.work.using(tenant="other"), [()] * 3)
    stage.wait_started(6)
    after = stage.enqueue_acked(tasks.work.using(tenant="own"), [()] * 3)
    stage.wait_started(9)

    assert {event.job for event in stage.journal.events("start")} == {*served, *after}
