"""The one table of transitions."""

import pytest

from django_taskq.jobs.states import (
    ENDED,
    RETRYABLE,
    TRANSITIONS,
    WAITING,
    State,
    is_allowed,
)


def test_every_state_has_its_moves() -> None:
    assert set(TRANSITIONS) == set(State)


def test_a_state_is_waiting_running_or_ended_and_never_two_of_them() -> None:
    assert ENDED | WAITING | {State.RUNNING} == set(State)
    assert not ENDED & WAITING
    assert State.RUNNING not in ENDED | WAITING


def test_only_a_ready_job_can_be_claimed() -> None:
    assert {before for before in State if is_allowed(before, State.RUNNING)} == {State.READY}


def test_a_success_is_final() -> None:
    assert TRANSITIONS[State.SUCCESSFUL] == frozenset()


def test_an_ended_job_can_at_most_become_ready_again() -> None:
    assert {state for state in ENDED if TRANSITIONS[state]} == RETRYABLE
    for state in RETRYABLE:
        assert TRANSITIONS[state] == {State.READY}


@pytest.mark.parametrize("state", sorted(WAITING))
def test_whatever_waits_can_be_canceled(state: State) -> None:
    assert is_allowed(state, State.CANCELED)


def test_only_a_running_job_succeeds_or_fails() -> None:
    for after in (State.SUCCESSFUL, State.FAILED):
        assert {before for before in State if is_allowed(before, after)} == {State.RUNNING}


def test_no_move_leads_to_where_a_job_already_is() -> None:
    assert not [state for state in State if is_allowed(state, state)]


def test_every_state_but_deferred_can_be_reached_from_a_new_job() -> None:
    reached = {State.READY, State.SCHEDULED}
    for _ in State:
        reached |= {after for before in reached for after in TRANSITIONS[before]}

    # New jobs alone are deferred, and deferred ones alone skipped.
    assert set(State) - reached == {State.DEFERRED, State.SKIPPED}
    assert State.SKIPPED in TRANSITIONS[State.DEFERRED]


def test_states_are_stored_as_their_names() -> None:
    assert [state.value for state in State] == [state.name for state in State]
