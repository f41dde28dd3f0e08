"""What operators say of tenants and queues while workers run is heeded within five seconds."""

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from django_taskq.models import Queue, Tenant
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.bounds import most_at_once
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

SEEN_WITHIN = 5.0
# What was handed out just before still starts, and the clock of a test is read late.
SLACK = 3.0
QUIET = 1.0
JOB = 0.2


def test_pauses_and_caps_written_into_the_rows_are_heeded_and_lifted(
    stage: Stage, workers: Workers
) -> None:
    """The rows are changed by plain updates, of which no code of ours hears."""
    tenants, queues = (model.objects.using(ALIAS) for model in (Tenant, Queue))
    for name in ("paused", "capped", "open"):
        tenants.create(name=name)
    queues.create(name="paused")
    for _ in range(2):
        workers.start_working("--threads", "4")
    with Streams(stage) as streams:
        wait_until(lambda: streams.all_flow_since(0.0), what="all to flow")

        tenants.filter(name="paused").update(paused=True)
        queues.filter(name="paused").update(paused=True)
        tenants.filter(name="capped").update(max_running=1)
        heeded = monotonic() + SEEN_WITHIN + SLACK
        threading.Event().wait(SEEN_WITHIN + SLACK + QUIET)
        assert streams.starts("tenant", heeded) == []
        assert streams.starts("queue", heeded) == []
        assert len(streams.starts("open", heeded)) > 5
        assert most_at_once(streams.spans("capped", heeded)) == 1
        # Before, the two workers ran more of them at once.
        assert most_at_once(streams.spans("capped", 0.0)) > 1

        tenants.update(paused=False, max_running=None)
        queues.update(paused=False)
        lifted = monotonic()
        wait_until(
            lambda: streams.all_flow_since(lifted),
            timeout=SEEN_WITHIN + SLACK,
            what="all to flow again",
        )
    assert [worker.stop() for worker in workers.started] == [0, 0]


class Streams:
    """Jobs of several sorts that come all the time, more of them than can be done."""

    SORTS: dict[str, Any] = {
        "tenant": tasks.work.using(tenant="paused"),
        "queue": tasks.work.using(queue_name="paused"),
        "capped": tasks.work.using(tenant="capped"),
        "open": tasks.work.using(tenant="open"),
    }

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sorts: dict[str, str] = {}

    def __enter__(self) -> "Streams":
        for sort, task in self.SORTS.items():
            for id in self._stage.enqueue_acked(task, [(JOB,)] * 600):
                self._sorts[id] = sort
        return self

    def __exit__(self, *unused: object) -> None:
        self._stage.store.cancel(list(self._sorts))

    def starts(self, sort: str, since: float) -> list[float]:
        """Return when jobs of a sort started from a moment on."""
        return [at for at, _ in self._spans(sort) if at >= since]

    def spans(self, sort: str, since: float) -> list[tuple[float, float]]:
        """Return from when to when jobs of a sort ran that started from a moment on."""
        return [span for span in self._spans(sort) if span[0] >= since]

    def all_flow_since(self, since: float) -> bool:
        """Tell whether jobs of every sort have started since a moment."""
        return all(len(self.starts(sort, since)) >= 3 for sort in self.SORTS)

    def _spans(self, sort: str) -> Iterator[tuple[float, float]]:
        events = self._stage.journal.events("start", "effect")
        ends = {event.job: event.at for event in events if event.kind == "effect"}
        for event in events:
            if event.kind == "start" and self._sorts.get(event.job) == sort:
                yield event.at, ends.get(event.job, float("inf"))
