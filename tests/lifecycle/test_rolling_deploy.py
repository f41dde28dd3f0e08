"""F33: two versions of a project work one database while a deploy goes on."""

from pathlib import Path
from typing import Any

import pytest

from django_taskq.control import get_job
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State
from tests.deadlines import wait_until
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker, Workers

pytestmark = pytest.mark.lifecycle

HEAD = """
from typing import Any

from django_taskq import task
from tests.lifecycle.journal import journal_of_process

VERSION = {version!r}


def note(context: Any) -> str:
    result = context.task_result
    journal_of_process().write(
        "start", result.id, context.attempt, worker=result.worker_ids[-1], note=VERSION
    )
    return VERSION


@task(takes_context=True)
def kept(context: Any, number: int) -> str:
    return note(context)
"""
OLD = """

@task(takes_context=True)
def removed(context: Any) -> str:
    return note(context)


@task(takes_context=True)
def grown(context: Any, a: int) -> str:
    return note(context)


@task(takes_context=True)
def broken(context: Any, a: int) -> str:
    return note(context)
"""
NEW = """

@task(takes_context=True)
def added(context: Any, number: int) -> str:
    return note(context)


@task(takes_context=True)
async def aadded(context: Any, number: int) -> str:
    return note(context)


@task(takes_context=True)
def grown(context: Any, a: int, b: int = 0) -> str:
    return note(context)


@task(takes_context=True)
def broken(context: Any, a: int, b: int) -> str:
    return note(context)
"""
VERSIONS = {"old": OLD, "new": NEW}
MANY = 40


class Project:
    """A module of tasks in two versions, and workers that run one of them each."""

    def __init__(self, stage: Stage, workers: Workers) -> None:
        self._stage = stage
        self._workers = workers
        for version, code in VERSIONS.items():
            directory = self._path(version)
            directory.mkdir()
            (directory / "rolling_shop.py").write_text(HEAD.format(version=version) + code)

    def start(self, version: str, *arguments: str) -> RealWorker:
        """Start a worker of a version."""
        python_path = self._stage.environment()["PYTHONPATH"]
        return self._workers.start_working(
            "--name", version, *arguments,
            environment={"PYTHONPATH": f"{self._path(version)}:{python_path}"},
        )  # fmt: skip

    def enqueue(self, name: str, *calls: str) -> list[str]:
        """Store jobs as a web process does that has their task, each call as JSON."""
        specs = [JobSpec(new_id(), f"rolling_shop.{name}", call) for call in calls]
        ids = [inserted.id for inserted in self._stage.store.insert(specs)]
        for id in ids:
            self._stage.journal.write("acked", id)
        return ids

    def _path(self, version: str) -> Path:
        return self._stage.path(version)


@pytest.fixture
def project(stage: Stage, workers: Workers) -> Project:
    return Project(stage, workers)


def outcomes(ids: list[str]) -> set[tuple[Any, ...]]:
    """Return what became of jobs: state, failure, result, tries, errors."""
    jobs = map(get_job, ids)
    return {(job.state, job.failure, job.result, job.tries, len(job.errors)) for job in jobs}


def done_by(version: str) -> set[tuple[Any, ...]]:
    return {(State.SUCCESSFUL, None, f'"{version}"', 1, 0)}


def wait_ended(ids: list[str]) -> None:
    wait_until(lambda: all(get_job(id).is_ended for id in ids), timeout=90, what="the jobs to end")


def test_jobs_of_a_new_task_wait_for_a_worker_that_has_it_and_none_is_lost(
    stage: Stage, project: Project
) -> None:
    stage.use(UNLOADABLE_GRACE=300)
    old = project.start("old")
    calls = [f"[{number}]" for number in range(MANY)]
    early = project.enqueue("added", *calls)
    old.wait_for_log("is given back. Worker old:")
    wait_until(
        lambda: all("could not load it" in (get_job(id).reason or "") for id in early),
        timeout=60,
        what="the old worker to give them back",
    )
    # The old worker goes on with what it knows.
    known = project.enqueue("kept", *calls)
    wait_ended(known)
    assert outcomes(known) == done_by("old")

    new = project.start("new")
    late = project.enqueue("added", *calls) + project.enqueue("aadded", *calls)
    shared = project.enqueue("kept", *calls)
    wait_ended([*early, *late, *shared])
    assert outcomes([*early, *late]) == done_by("new")
    assert outcomes(shared) <= done_by("new") | done_by("old")

    assert old.stop() == 0
    after = project.enqueue("added", *calls) + project.enqueue("kept", *calls)
    wait_ended(after)
    assert outcomes(after) == done_by("new")
    assert {get_job(id).attempt for id in after} == {1}
    assert new.stop() == 0
    # Nothing started on a worker that could not run it, nor twice.
    starts = [event.job for event in stage.journal.events("start")]
    assert len(starts) == len(set(starts)) == 7 * MANY
    assert stage.unended() == 0
    # The old worker has said it once for each task, not for each job.
    assert old.log.count("is given back") < MANY


def test_jobs_of_a_removed_task_fail_once_their_grace_is_over(
    stage: Stage, project: Project
) -> None:
    stage.use(UNLOADABLE_GRACE=3)
    project.start("new")
    removed = project.enqueue("removed", "[]", "[]")
    beside = project.enqueue("added", "[1]")
    wait_ended([*removed, *beside])

    assert outcomes(beside) == done_by("new")
    for job in map(get_job, removed):
        assert (job.state, job.failure, job.tries) == (State.FAILED, Failure.UNLOADABLE, 1)
        assert job.attempt > 1
        assert (job.started_at, job.worker_ids) == (None, [])
        assert (job.reason or "").startswith("The task 'rolling_shop.removed' cannot be imported")
        assert "longer than the 3 s of UNLOADABLE_GRACE" in (job.reason or "")
        # Never beyond the end of the grace but for what an offer and a claim take.
        assert job.finished_at is not None
        assert (job.finished_at - job.enqueued_at).total_seconds() >= 3


def test_a_removed_task_still_runs_where_an_old_worker_is_left(
    stage: Stage, project: Project
) -> None:
    stage.use(UNLOADABLE_GRACE=300)
    project.start("new")
    removed = project.enqueue("removed", *["[]"] * 3)
    project.start("old")
    wait_ended(removed)
    assert outcomes(removed) == done_by("old")


def test_a_signature_may_grow_by_a_default_and_tells_what_does_not_fit(
    stage: Stage, project: Project
) -> None:
    project.start("new")
    grown = project.enqueue("grown", "[1]", "[1, 2]")
    (broken,) = project.enqueue("broken", "[1]")
    wait_ended([*grown, broken])

    assert outcomes(grown) == done_by("new")
    job = get_job(broken)
    # A failed try like any other: the arguments are not given back, since no wait changes them.
    assert (job.state, job.failure, job.tries) == (State.FAILED, Failure.ERROR, 1)
    assert "missing 1 required positional argument: 'b'" in (job.reason or "")
    assert "its task takes: broken(context: Any, a: int, b: int) -> str" in job.errors[0].traceback


@pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
def test_a_burst_of_an_old_version_fails_what_it_cannot_import(
    stage: Stage, workers: Workers, project: Project
) -> None:
    added = project.enqueue("added", "[1]")
    burst = workers.start("--burst")
    assert burst.wait() == 0
    assert outcomes(added) == {(State.FAILED, Failure.UNLOADABLE, None, 1, 1)}
