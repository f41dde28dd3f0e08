"""What a worker does with its settings, on a durable store."""

from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import OperationalError
from django.tasks import TaskResultStatus

from django_taskq import cancel, get_job, wait
from django_taskq.control import store_of
from django_taskq.jobs.states import State
from django_taskq.signals import worker_started, worker_stopped
from tests.deadlines import wait_until
from tests.worker import tasks
from tests.worker.conftest import StartWorker

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])


@pytest.fixture(params=["default", "postgresql"])
def alias(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_burst_works_off_everything_and_ends(alias: str, start_worker: StartWorker) -> None:
    results = tasks.remember.using(backend=alias).enqueue_many(
        [((number,), {}) for number in range(200)]
    )
    start_worker(alias, is_burst=True).join()
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == list(range(200))


def test_a_burst_without_work_ends_at_once(alias: str, start_worker: StartWorker) -> None:
    start_worker(alias, is_burst=True).join(timeout=5)


def test_max_jobs_ends_the_worker_and_leaves_the_rest(
    alias: str, start_worker: StartWorker
) -> None:
    tasks.remember.using(backend=alias).enqueue_many([((n,), {}) for n in range(30)])
    running = start_worker(alias, max_jobs=7)
    running.join()
    assert running.worker.done == 7
    assert sorted(tasks.SEEN) == list(range(7))


def test_only_the_named_queues_are_served(alias: str, start_worker: StartWorker) -> None:
    for queue in ("a", "b", "c"):
        tasks.remember.using(backend=alias, queue_name=queue).enqueue(queue)
    start_worker(alias, is_burst=True, queues=("a", "b")).join()
    assert sorted(tasks.SEEN) == ["a", "b"]


def test_excluded_queues_are_left_alone(alias: str, start_worker: StartWorker) -> None:
    for queue in ("a", "b", "c"):
        tasks.remember.using(backend=alias, queue_name=queue).enqueue(queue)
    start_worker(alias, is_burst=True, excluded_queues=frozenset({"b"})).join()
    assert sorted(tasks.SEEN) == ["a", "c"]


def test_as_many_jobs_run_at_once_as_there_are_threads(
    alias: str, start_worker: StartWorker
) -> None:
    tasks.wait_for.using(backend=alias).enqueue_many([(("g",), {}) for _ in range(9)])
    start_worker(alias, threads=3)
    wait_until(lambda: tasks.Count.most == 3, what="three jobs at once")
    tasks.GATES["g"].set()
    wait_until(lambda: tasks.Count.running == 0, what="all jobs to end")
    assert tasks.Count.most == 3


def test_async_jobs_overlap_beyond_the_threads(alias: str, start_worker: StartWorker) -> None:
    results = tasks.meet.using(backend=alias).enqueue_many([(("all", 50), {})] * 50)
    start_worker(alias, threads=1, is_burst=True).join()
    results[-1].refresh()
    assert results[-1].return_value == 50


def test_an_idle_worker_is_woken_by_an_enqueue(alias: str, start_worker: StartWorker) -> None:
    running = start_worker(alias, poll_interval=30.0)
    tasks.remember.using(backend=alias).enqueue("first")
    wait_until(lambda: running.worker.done == 1, timeout=20, what="the first job")
    tasks.remember.using(backend=alias).enqueue("second")
    wait_until(lambda: running.worker.done == 2, timeout=5, what="the wake-up")


def test_a_job_given_back_at_the_end_of_the_grace_costs_no_try(
    alias: str, start_worker: StartWorker
) -> None:
    result = tasks.wait_for.using(backend=alias, max_tries=1).enqueue("never")
    running = start_worker(alias, grace=0.2)
    wait_until(lambda: tasks.Count.most == 1, what="the job to start")
    running.worker.stop()
    running.join()
    job = get_job(result)
    assert (job.state, job.tries, job.attempt) == (State.READY, 0, 1)
    assert running.worker.released == 1


def test_what_was_claimed_ahead_is_given_back_at_once(
    alias: str, start_worker: StartWorker
) -> None:
    tasks.wait_for.using(backend=alias).enqueue_many([(("g",), {}) for _ in range(20)])
    running = start_worker(alias, threads=2, grace=20.0)
    wait_until(lambda: tasks.Count.most == 2, what="two jobs to start")
    running.worker.stop()
    wait_until(
        lambda: running.worker.store.insights().depth(State.RUNNING) == 2,
        timeout=5,
        what="the jobs in line to be released",
    )
    tasks.GATES["g"].set()
    running.join()
    assert running.worker.store.insights().depth(State.READY) == 18


def test_a_line_that_stands_still_is_given_back_free_of_charge(
    alias: str, start_worker: StartWorker
) -> None:
    task = tasks.wait_for.using(backend=alias, max_tries=1)
    results = task.enqueue_many([(("g",), {}) for _ in range(20)])
    store = start_worker(alias, threads=2).worker.store
    wait_until(lambda: tasks.Count.most == 2, what="two jobs to start")
    wait_until(
        lambda: store.insights().depth(State.RUNNING) == 2,
        what="the line behind them to be given back",
    )
    tasks.GATES["g"].set()
    wait_until(lambda: store.insights().depth(State.READY) == 0, what="all jobs to start")
    assert wait(results[-1], timeout=20).status == TaskResultStatus.SUCCESSFUL


def test_a_running_job_sees_that_its_worker_stops(alias: str, start_worker: StartWorker) -> None:
    result = tasks.until_stopped.using(backend=alias).enqueue("started")
    running = start_worker(alias)
    assert tasks.GATES["started"].wait(10)
    running.worker.stop()
    running.join()
    result.refresh()
    assert result.return_value is True


def test_a_running_job_sees_that_it_was_canceled(alias: str, start_worker: StartWorker) -> None:
    result = tasks.until_stopped.using(backend=alias).enqueue("started")
    start_worker(alias)
    assert tasks.GATES["started"].wait(10)
    assert cancel(result) is True
    wait_until(lambda: get_job(result).is_ended, what="the job to notice")
    # It returned of its own will, so it succeeded.
    assert get_job(result).state == State.SUCCESSFUL


def test_upkeep_promotes_what_has_become_due(alias: str, start_worker: StartWorker) -> None:
    start_worker(alias)
    tasks.remember.using(backend=alias, run_after=timedelta(seconds=0.5)).enqueue("later")
    wait_until(lambda: tasks.SEEN == ["later"], timeout=10, what="the due job")


def test_a_worker_leaves_no_row_behind(alias: str, start_worker: StartWorker) -> None:
    running = start_worker(alias)
    store = running.worker.store
    wait_until(lambda: store.insights().workers, what="the worker to join")
    running.worker.stop()
    running.join()
    assert store.insights().workers == ()


def test_a_worker_stopped_before_the_store_answered_claims_neither_start_nor_stop(
    alias: str,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(store: Any, worker: Any) -> None:
        raise OperationalError("refused")

    told: list[Any] = []

    def hear(**kwargs: Any) -> None:
        told.append(kwargs["signal"])

    monkeypatch.setattr(type(store_of(alias)), "join", refuse)
    worker_started.connect(hear)
    worker_stopped.connect(hear)
    try:
        with caplog.at_level("INFO", logger="django_taskq"):
            running = start_worker(alias)
            wait_until(
                lambda: "does not answer, trying again" in caplog.text, what="the first refusal"
            )
            running.worker.stop()
            running.join()
    finally:
        worker_started.disconnect(hear)
        worker_stopped.disconnect(hear)
    assert told == []
    assert [line for line in caplog.messages if line.startswith("Worker ")] == [
        f"Worker {running.worker.worker_id} stopped before {alias!r} answered."
    ]


def test_limited_jobs_start_beside_a_flood_that_keeps_all_threads_busy(
    alias: str, start_worker: StartWorker
) -> None:
    flood = tasks.remember.using(backend=alias, tenant="flood")
    flood.enqueue_many([((n,), {}) for n in range(4000)])
    start_worker(alias, threads=2)
    wait_until(lambda: len(tasks.SEEN) > 100, what="the flood to be worked on")
    quiet = tasks.remember_too.using(backend=alias, tenant="quiet")
    limited = [
        quiet.using(max_running=1).enqueue("capped"), quiet.using(max_rate="50/s").enqueue("rated"),
    ]  # fmt: skip
    enqueued, deadline = 4000, monotonic() + 60
    while not all(result.is_finished for result in limited) and monotonic() < deadline:
        # The flood never ends before they have started, however slow the machine is.
        if enqueued - len(tasks.SEEN) < 2000:
            flood.enqueue_many([((n,), {}) for n in range(2000)])
            enqueued += 2000
        for result in limited:
            result.refresh()

    assert {result.status for result in limited} == {TaskResultStatus.SUCCESSFUL}
