"""Limits: the gates that jobs carry, and the keys under which limits are counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_taskq.jobs.limits import (
    MOST_RUNNING,
    NO_GATE,
    Gate,
    Limit,
    check_max_running,
    gate_of,
    gate_within,
    queue_key,
    read_gate,
    task_key,
    tenant_key,
    words_of,
)
from django_taskq.jobs.rate import MOST, Rate, read_rate

TASK = "shop.tasks.report"
caps = st.none() | st.integers(1, MOST_RUNNING)
written = st.none() | st.builds("{}/{}".format, st.integers(1, MOST), st.sampled_from("smh"))


def test_a_task_without_limits_has_no_gate() -> None:
    assert gate_of(TASK, None, None) == NO_GATE == ""


def test_a_gate_tells_the_task_and_what_bounds_it() -> None:
    assert gate_of(TASK, 3, None) == "shop.tasks.report max_running=3"
    assert gate_of(TASK, None, "10/s") == "shop.tasks.report max_rate=10/s"
    assert gate_of(TASK, 3, "10/s") == "shop.tasks.report max_running=3 max_rate=10/s"


@given(caps, written)
def test_a_gate_is_read_as_it_was_written(cap: int | None, rate: str | None) -> None:
    text = gate_of(TASK, cap, rate)
    if text != NO_GATE:
        gate = read_gate(text)
        assert gate == Gate(TASK, cap, None if rate is None else read_rate(rate))
        assert str(gate) == text


def test_parts_of_a_gate_that_a_later_release_writes_are_passed_over() -> None:
    assert read_gate(f"{TASK} max_burst=9 max_running=2 calm") == Gate(TASK, 2)


def test_all_gates_of_a_task_are_counted_under_one_key() -> None:
    few, often = read_gate(f"{TASK} max_running=3"), read_gate(f"{TASK} max_rate=10/s")

    assert few.limit == Limit(f"task:{TASK}", 3)
    assert often.limit == Limit(f"task:{TASK}", None, Rate(10, 1.0))


def test_a_gate_may_bound_the_jobs_of_a_schedule_beside_those_of_its_task() -> None:
    alone, both = (gate_within(own, TASK, 7, 2) for own in (NO_GATE, gate_of(TASK, 3, "10/s")))
    assert alone == f"{TASK} schedule=7:2"
    assert read_gate(alone).limits == (Limit("schedule_id:7", 2),)
    assert both == f"{TASK} max_running=3 max_rate=10/s schedule=7:2"
    assert read_gate(both).limits == (
        Limit(f"task:{TASK}", 3, Rate(10, 1.0)),
        Limit("schedule_id:7", 2),
    )
    assert words_of(both) == "max_running 3, max_rate 10/s, max_running of its schedule 2"
    with pytest.raises(ValueError, match="expected at most 300"):
        gate_within(NO_GATE, "x" * 300, 7, 2)


def test_a_task_a_tenant_and_a_queue_of_one_name_have_keys_of_their_own() -> None:
    assert len({task_key("a"), tenant_key("a"), queue_key("a")}) == 3


@pytest.mark.parametrize("value", [1, 3, MOST_RUNNING])
def test_whole_numbers_in_bounds_are_caps(value: int) -> None:
    assert check_max_running(value) is None


@pytest.mark.parametrize("value", [0, -1, MOST_RUNNING + 1, True, 1.0, "3", None, [3]])
def test_what_is_no_cap_is_refused_with_what_was_expected(value: object) -> None:
    assert check_max_running(value) == (f"expected a whole number from 1 to 1000000, got {value!r}")
