"""A job carries the limits of its task to the store, as they were when it was enqueued."""

from typing import Any

import pytest

from django_taskq import get_job, requeue, retry, task
from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs.limits import Gate, gate_of, read_gate
from django_taskq.jobs.rate import Rate
from django_taskq.loading import LONGEST_PATH
from django_taskq.models import Job
from tests.aliases import ON_BOTH, ON_REDIS, alias_fixture
from tests.app import tasks
from tests.running import run_to_end

alias = alias_fixture(ON_REDIS, ON_BOTH)


@task(max_running=3, max_rate="600/m")
def limited(value: Any = None) -> Any:
    """Return the value."""
    return value


@task(max_running=3)
def limited_failure() -> None:
    """Fail."""
    raise ValueError("no")


@task
def enqueue_limited(alias: str) -> str:
    """Enqueue another job from inside of this one; return its id."""
    return limited.using(backend=alias).enqueue().id


PATH = limited.module_path


def gate_in(result: Any) -> str:
    return get_job(result).gate


def test_a_job_of_a_task_without_limits_has_no_gate(alias: str) -> None:
    assert gate_in(tasks.echo.using(backend=alias).enqueue(1)) == ""


def test_a_job_carries_the_limits_of_its_task(alias: str) -> None:
    result = limited.using(backend=alias).enqueue(5)
    assert read_gate(gate_in(result)) == Gate(PATH, 3, Rate(600, 60.0))
    assert run_to_end(alias, result).return_value == 5


def test_using_changes_the_limits_of_a_job(alias: str) -> None:
    narrower = limited.using(backend=alias, max_running=1, max_rate="5/h")
    assert gate_in(narrower.enqueue(1)) == f"{PATH} max_running=1 max_rate=5/h"
    rated = tasks.echo.using(backend=alias, max_rate="1/s")
    assert gate_in(rated.enqueue(1)) == f"{tasks.echo.module_path} max_rate=1/s"


def test_many_at_once_carry_a_gate_each(alias: str) -> None:
    echo, some = tasks.echo.using(backend=alias), limited.using(backend=alias)
    calls = [echo.s(1), some.s(2), some.using(max_running=9).s(3)]
    gates = [gate_in(result) for result in echo.enqueue_many(calls)]
    assert gates == ["", f"{PATH} max_running=3 max_rate=600/m",
                     f"{PATH} max_running=9 max_rate=600/m"]  # fmt: skip


def test_a_retried_job_and_a_copy_keep_the_gate(alias: str) -> None:
    result = run_to_end(alias, limited_failure.using(backend=alias, max_running=2).enqueue())
    gate = f"{limited_failure.module_path} max_running=2"
    copy = requeue(result)
    retry(result)
    assert (gate_in(result), gate_in(copy)) == (gate, gate)


def test_a_job_that_a_job_enqueues_carries_its_gate_too(alias: str) -> None:
    result = run_to_end(alias, enqueue_limited.using(backend=alias).enqueue(alias))
    assert (
        get_job(result.return_value, backend=alias).gate == f"{PATH} max_running=3 max_rate=600/m"
    )


def test_the_longest_gate_fits_its_column() -> None:
    longest = gate_of("p" * LONGEST_PATH, 1_000_000, "1000000/s")
    assert len(longest) <= Job._meta.get_field("gate").max_length


def test_a_bad_rate_is_refused_at_decoration_with_what_was_expected() -> None:
    with pytest.raises(InvalidTaskOption) as raised:
        task(max_rate="10/x")(tasks.echo.func)
    assert str(raised.value) == (
        'max_rate: expected a rate like "10/s", "600/m" or "1000/h" (a whole number from 1 to '
        "1000000, a slash, and s, m or h), got '10/x'."
    )
