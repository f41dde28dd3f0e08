"""`depends_on` and `trigger_rule`: what callers see of jobs that wait for others."""

import itertools
import threading
from time import monotonic
from typing import Any

import pytest
from django.tasks import TaskResult, TaskResultStatus

from django_taskq import get_job, retry, wait
from django_taskq.control import store_of
from django_taskq.exceptions import InvalidPipeline, InvalidTaskOption
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.states import State
from tests.aliases import ON_BOTH, alias_fixture, every_durable, with_options
from tests.app import tasks
from tests.running import run_due, run_to_end, running, worker_for

alias = alias_fixture(ON_BOTH)


def echo(alias: str, *upstreams: TaskResult | str, **options: Any) -> TaskResult:
    """Enqueue a job that waits for others."""
    if upstreams:
        options["depends_on"] = list(upstreams)
    result: TaskResult = tasks.echo.using(backend=alias, **options).enqueue(1)
    return result


def test_jobs_run_after_those_they_depend_on(alias: str) -> None:
    first = echo(alias, task_id="load")
    by_result = echo(alias, first)
    by_name = echo(alias, "load", by_result)
    run_due(alias)
    jobs = [get_job(result) for result in (first, by_result, by_name)]
    assert [job.state for job in jobs] == [State.SUCCESSFUL] * 3
    for before, after in itertools.pairwise(jobs):
        assert before.finished_at is not None
        assert after.started_at is not None
        assert before.finished_at <= after.started_at
    assert store_of(alias).edges([by_result.id]) == [
        EdgeRecord(by_result.id, first.id, "load", "successful"),
        EdgeRecord(by_name.id, by_result.id, None, "successful"),
    ]


def test_wait_returns_on_a_blocked_job_and_a_retry_resumes_it(alias: str) -> None:
    # Fails in its first attempt, succeeds in the second.
    first = tasks.succeed_on.using(backend=alias).enqueue(2)
    child = echo(alias, first)
    last = echo(alias, child, trigger_rule="all_done")
    run_due(alias)
    assert wait(child, timeout=30).status == TaskResultStatus.READY
    job = get_job(child)
    assert (job.state, job.is_blocked, job.trigger_rule) == (State.DEFERRED, True, "all_success")
    assert first.id in (job.blocked_for or "")
    assert run_to_end(alias, last).status == TaskResultStatus.SUCCESSFUL
    retry(first)
    assert run_to_end(alias, child).status == TaskResultStatus.SUCCESSFUL
    assert get_job(child).blocked_for is None


def test_a_job_whose_rule_cannot_become_true_tells_so(alias: str) -> None:
    first = echo(alias)
    child = echo(alias, first, trigger_rule="all_failed")
    run_due(alias)
    child.refresh()
    assert child.status == TaskResultStatus.FAILED
    assert child.errors[-1].exception_class_path == "django_taskq.exceptions.JobSkipped"
    assert "all_failed can no longer become true" in child.errors[-1].traceback


def test_what_cannot_be_waited_for_is_refused_and_nothing_is_stored(alias: str) -> None:
    other = next(name for name in ("threads", "processes") if name != alias)
    foreign = TaskResult(
        task=tasks.echo, id=echo(alias).id, status=TaskResultStatus.READY, enqueued_at=None,
        started_at=None, finished_at=None, last_attempted_at=None, args=[], kwargs={},
        backend=other, errors=[], worker_ids=[],
    )  # fmt: skip
    acme = echo(alias, tenant="acme")
    for upstream, told in (
        (foreign, f"expected results of the backend '{alias}'"),
        (acme, "of the tenant 'acme'"),
        ("nope", "the task_id 'nope', which is not known there"),
    ):
        with pytest.raises(InvalidPipeline, match=told):
            echo(alias, upstream)
    with pytest.raises(InvalidTaskOption, match="on_duplicate: expected 'raise' or 'return'"):
        echo(alias, acme, task_id="a", on_duplicate="replace")
    assert len(store_of(alias).find(JobFilter())) == 2


def test_a_job_may_wait_for_one_that_is_enqueued_later(alias: str) -> None:
    with with_options(alias, MISSING_DEPENDENCY="wait"):
        child = echo(alias, "later")
        assert get_job(child).state is State.DEFERRED
        with running(alias):
            echo(alias, task_id="later")
            assert wait(child, timeout=30).status == TaskResultStatus.SUCCESSFUL


@every_durable
def test_a_job_starts_as_soon_as_its_upstream_has_ended(durable: str) -> None:
    worker = worker_for(durable, poll_interval=30.0, grace=5.0)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        assert wait(echo(durable), timeout=30).is_finished
        began = monotonic()
        last = echo(durable)
        for _ in range(10):
            last = echo(durable, last)
        assert wait(last, timeout=20).status == TaskResultStatus.SUCCESSFUL
        # Nobody polls within this time; on a machine with nothing else to do it is 50 ms.
        assert monotonic() - began < 5.0
    finally:
        worker.stop()
        thread.join(30)
