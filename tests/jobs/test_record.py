"""A stored job as a value."""

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq.jobs.record import JobRecord, Progress
from django_taskq.jobs.states import ENDED, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(**values: Any) -> JobRecord:
    """Return a record of which little is known."""
    unknown = {field.name: None for field in fields(JobRecord) if field.name != "errors"}
    return JobRecord(**(unknown | values))


@pytest.mark.parametrize("state", State)
def test_a_record_knows_whether_the_job_has_ended(state: State) -> None:
    assert record(state=state).is_ended is (state in ENDED)


def test_a_state_of_a_later_release_is_not_taken_for_an_end() -> None:
    assert not record(state="PONDERING").is_ended


def test_the_wait_runs_from_ready_to_the_first_start() -> None:
    job = record(eligible_at=NOW, started_at=NOW + timedelta(seconds=3))

    assert job.wait == timedelta(seconds=3)


@pytest.mark.parametrize(
    "times",
    [
        {"eligible_at": NOW},
        {"started_at": NOW},
        {"started_at": NOW, "eligible_at": NOW + timedelta(seconds=9)},
    ],
    ids=["not started", "never ready", "ready again since"],
)
def test_a_wait_that_is_not_known_is_none(times: dict[str, datetime]) -> None:
    assert record(**times).wait is None


def test_json_columns_read_as_values() -> None:
    job = record(
        worker_ids_json='["a","b","a"]',
        metadata_json='{"shop":1,"_trace":"x"}',
        progress_json='[3,10,"pages"]',
    )

    assert job.worker_ids == ["a", "b", "a"]
    assert job.metadata == {"shop": 1}
    assert job.progress == Progress(done=3, total=10, message="pages")


def test_empty_columns_read_as_nothing() -> None:
    job = record()

    assert (job.worker_ids, job.metadata, job.progress, job.errors) == ([], {}, None, ())


def test_a_change_of_what_was_read_changes_no_record() -> None:
    job = record(metadata_json='{"a":[1]}')
    job.metadata["a"].append(2)
    job.worker_ids.append("x")

    assert (job.metadata, job.worker_ids) == ({"a": [1]}, [])
    with pytest.raises(FrozenInstanceError):
        job.state = State.FAILED  # type: ignore[misc]
