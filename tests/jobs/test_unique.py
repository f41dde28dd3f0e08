"""What makes two predictable ids the same."""

from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest

from django_taskq.exceptions import DuplicateJob
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, Holder, OnDuplicate, entry_of, unique_key

RAISE, RETURN, REPLACE = OnDuplicate


def holder(**values: Any) -> Holder:
    known = Holder("an-id", State.READY, datetime(2030, 1, 1, tzinfo=UTC), None, True)
    return known._replace(**values)


def test_a_key_is_the_same_for_the_same_names_alone() -> None:
    names = [
        ("default", "acme", "a", None),
        ("other", "acme", "a", None),
        ("default", "globex", "a", None),
        ("default", "acme", "b", None),
        ("default", "acme", "a", "run"),
        ("default", "acm", "ea", None),
        ("default", "", "acmea", None),
        ("defaulta", "cme", "a", None),
    ]
    for one, other in combinations(names, 2):
        assert unique_key(*one) != unique_key(*other)
    assert unique_key(*names[0]) == unique_key("default", "acme", "a")


def test_a_key_fits_its_column_whatever_the_id_is() -> None:
    assert len(unique_key("é" * 64, "ü" * 128, "\U0001f600" * 200)) == 64


@pytest.mark.parametrize("is_fresh", [True, False])
def test_what_becomes_of_a_second_one_is_its_own_choice(is_fresh: bool) -> None:
    held = holder(is_fresh=is_fresh)
    assert entry_of(RETURN, "a", held) is Entry.EXISTING
    with pytest.raises(DuplicateJob):
        entry_of(RAISE, "a", held)
    if is_fresh:
        assert entry_of(REPLACE, "a", held) is Entry.REPLACED


@pytest.mark.parametrize(
    ("on_duplicate", "told"),
    [
        (RAISE, "RUNNING."),
        (REPLACE, "RUNNING and has started: only a job that has not can be replaced."),
    ],
)
def test_the_error_says_who_has_the_id_and_what_to_do(on_duplicate: Any, told: str) -> None:
    with pytest.raises(DuplicateJob) as caught:
        entry_of(on_duplicate, "a", holder(state=State.RUNNING, is_fresh=False))
    assert str(caught.value) == (
        f"The task_id 'a' is held by job an-id, which is {told} Wait for its end, cancel it, or "
        "enqueue with on_duplicate='return' for its result."
    )
    assert (caught.value.job_id, caught.value.task_id) == ("an-id", "a")
