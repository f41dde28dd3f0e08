"""The archive of another store, on every database: what is put in comes out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.origin import Origin
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.unique import unique_key
from django_taskq.stores.archive import KeptJob
from tests.stores.jobs import TASK, record
from tests.stores.places import durable_places

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
TRIED = AttemptRecord(
    1, "w1", "retry", None, "one", "builtins.ValueError", "Traceback\n\"one\" \\", "said ☃",
    AT, AT + timedelta(seconds=1),
)  # fmt: skip


@pytest.fixture(params=durable_places())
def archive(request: pytest.FixtureRequest) -> Iterator[Any]:
    opened = request.param.open()
    yield opened
    opened.close()


def kept(archive: Any, **values: Any) -> KeptJob:
    """Return a job that ended, with all that a job can have."""
    origin = Origin(new_id(), "load", 2, schedule_id=7, scheduled_for=AT)
    key = unique_key(archive.alias, "é", "nightly", origin.run_id)
    spec = JobSpec(
        new_id(), TASK, '[1,"\\u0000"]', '{"a":1}', "mail", "é", 100, AT, 3, '{"m":1}',
        '{"o":1}', f"{TASK} max_running=2", "nightly", key, trace='{"t":1}', origin=origin,
    )  # fmt: skip
    told: dict[str, Any] = {
        "spec": spec, "state": State.FAILED, "rank": -100, "attempt": 2, "tries": 2, "lost": 1,
        "enqueued_at": AT, "eligible_at": AT, "claimed_at": AT, "started_at": AT,
        "last_attempted_at": AT, "finished_at": AT + timedelta(seconds=2), "cancel_asked_at": AT,
        "failure": Failure.ERROR, "reason": "it's {} \\ \"quoted\"", "result": None,
        "worker_id": "w1", "worker_ids": '["w0","w1"]', "progress": '[1,2,"half"]',
        "ctx": '{"n":1}', "attempts": (TRIED,),
    }  # fmt: skip
    return KeptJob(**(told | values))


def plain() -> KeptJob:
    """Return a first success, of which there is little to tell."""
    return KeptJob(
        JobSpec(new_id(), TASK), State.SUCCESSFUL, 0, 1, 1, 0, AT, AT, AT, AT, AT, AT, None, None,
        None, "7", "w1", '["w1"]', None, None,
    )  # fmt: skip


def test_what_is_put_in_comes_out(archive: Any) -> None:
    full, empty = kept(archive), plain()
    archive.keep([full, empty])

    assert archive.take_out([empty.spec.id, new_id(), full.spec.id]) == [empty, full]
    job = record(archive, full.spec.id)
    assert (job.state, job.reason, job.errors[0].traceback) == (
        State.FAILED, full.reason, TRIED.traceback,
    )  # fmt: skip
    assert archive.history([full.spec.id])[0].attempts == (TRIED,)
    assert len(archive.find(JobFilter(state=State.SUCCESSFUL))) == 1
    assert archive.insights().depth() == 0


def test_many_jobs_are_kept_at_once(archive: Any) -> None:
    jobs = [plain() for _ in range(1203)]
    archive.keep(jobs)
    assert archive.take_out([job.spec.id for job in jobs]) == jobs
    archive.keep([])


def test_a_later_attempt_takes_the_place_of_an_earlier_one_and_never_the_other_way(
    archive: Any,
) -> None:
    early = kept(archive)
    late = early._replace(state=State.SUCCESSFUL, attempt=3, failure=None, reason=None, attempts=())
    for _ in range(2):
        archive.keep([early])
    archive.keep([late])
    archive.keep([early])

    assert archive.take_out([early.spec.id]) == [late]
    assert archive.delete([early.spec.id]) == 1
