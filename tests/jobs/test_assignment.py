"""Whom a worker serves, as it is stored and shown."""

import pytest

from django_taskq.jobs.assignment import (
    MOST_SHOWN,
    Assignment,
    assignment_of,
    read_assignment,
    write_assignment,
)
from django_taskq.jobs.tenants import Tenants

MANY = Tenants(f"t{number:05}" for number in range(20_000))


def test_a_worker_that_serves_everybody_has_no_assignment() -> None:
    assert assignment_of(None, None) is None
    assert write_assignment(None) is None
    assert read_assignment(None) is None


@pytest.mark.parametrize(
    ("tenants", "steal", "told"),
    [
        (Tenants(["b", "a"]), None, "a, b"),
        (Tenants(["", "a"]), Tenants(["c"]), "(none), a; steals from c"),
        (Tenants(["a"]), Tenants(["a"], is_rest=True), "a; steals from all others"),
    ],
)
def test_an_assignment_reads_as_people_would_say_it(
    tenants: Tenants, steal: Tenants | None, told: str
) -> None:
    assert str(assignment_of(tenants, steal)) == told


@pytest.mark.parametrize("steal", [None, Tenants(["z"]), Tenants(["t"], is_rest=True), MANY])
@pytest.mark.parametrize("tenants", [Tenants(["a", "ä\U0001f600"]), MANY])
def test_what_is_stored_is_read_again(tenants: Tenants, steal: Tenants | None) -> None:
    assignment = assignment_of(tenants, steal)
    assert read_assignment(write_assignment(assignment)) == assignment


def test_of_many_names_the_first_are_kept_and_all_are_counted() -> None:
    assignment = assignment_of(MANY, MANY)
    assert assignment is not None
    assert assignment.tenants == assignment.steal == MANY.names[:MOST_SHOWN]
    assert assignment.total == assignment.steal_total == 20_000
    assert f"and {20_000 - MOST_SHOWN} more; steals from t00000" in str(assignment)
    assert len(write_assignment(assignment) or "") < 2_000


@pytest.mark.parametrize(
    "text", ["", "[1,<u>", "[]", "5", "{}", '{"tenants": 5, "total": 1}', '{"tenants": ["a"]}']
)
def test_what_is_no_assignment_is_read_as_none(text: str) -> None:
    assert read_assignment(text) is None


def test_what_a_later_release_adds_is_passed_over() -> None:
    assert read_assignment('{"tenants": ["a"], "total": 1, "zone": "eu"}') == Assignment(("a",), 1)
