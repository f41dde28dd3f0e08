"""Steps of the pipelines that tests run."""

from typing import Any

import django_taskq
from django_taskq import task
from tests.app import gates, journal


@task
def begin(value: Any) -> Any:
    """Return the value."""
    return value


@task
def double(number: int) -> int:
    """Return twice the number; negative ones are refused."""
    if number < 0:
        raise ValueError(f"expected no negative number, got {number}")
    return 2 * number


@task
def gather(values: Any) -> Any:
    """Return what was given."""
    return values


@task
def label(value: Any, text: str = "") -> str:
    """Return the text and the value."""
    return f"{text}{value}"


@task
def pass_on() -> None:
    """Do nothing."""


@task
def write(page: str, entry: str) -> None:
    """Write an entry into the journal of this process."""
    journal.write(page, entry)


@task
def wait_at(gate: str) -> str:
    """Wait at the gate."""
    gates.pass_gate(gate)
    return gate


@task
def nest(items: list[int]) -> str:
    """Enqueue a pipeline on the alias of this job; return the id of its run."""
    job = django_taskq.current_job()
    assert job is not None
    pipeline = begin.s(items) >> double.map() >> gather
    return pipeline.enqueue(backend=job.task_result.backend).id
