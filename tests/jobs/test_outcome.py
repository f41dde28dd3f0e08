"""Where a job goes at the end of an attempt, and what that costs."""

from itertools import product

import pytest

from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import State, is_allowed


def state_after(verdict: Verdict, delay: float = 0.0, *, is_cancel_asked: bool = False) -> State:
    """Return the state that an outcome leads to."""
    outcome = Outcome(1, 1, verdict, delay=delay)
    return outcome.next_state(is_cancel_asked=is_cancel_asked)


@pytest.mark.parametrize(
    ("verdict", "delay", "state"),
    [
        (Verdict.SUCCEEDED, 0, State.SUCCESSFUL),
        (Verdict.FAILED, 0, State.FAILED),
        (Verdict.RETRY, 0, State.READY),
        (Verdict.RETRY, 0.1, State.SCHEDULED),
        (Verdict.RELEASED, 0, State.READY),
        (Verdict.RELEASED, 5, State.SCHEDULED),
    ],
)
def test_the_verdict_decides_where_the_job_goes(
    verdict: Verdict, delay: float, state: State
) -> None:
    assert state_after(verdict, delay) is state


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - {Verdict.SUCCEEDED}))
@pytest.mark.parametrize("delay", [0.0, 5.0])
def test_a_cancel_wins_over_everything_but_a_success(verdict: Verdict, delay: float) -> None:
    assert state_after(verdict, delay, is_cancel_asked=True) is State.CANCELED
    assert state_after(Verdict.SUCCEEDED, delay, is_cancel_asked=True) is State.SUCCESSFUL


def test_every_end_of_an_attempt_is_a_move_that_the_table_allows() -> None:
    for verdict, delay, is_asked in product(Verdict, (0.0, 5.0), (True, False)):
        after = state_after(verdict, delay, is_cancel_asked=is_asked)
        assert is_allowed(State.RUNNING, after), (verdict, delay, is_asked)


def test_only_a_release_is_free_of_charge() -> None:
    free = {verdict for verdict in Verdict if not Outcome(1, 1, verdict).costs_try}

    assert free == {Verdict.RELEASED}


@pytest.mark.parametrize(
    ("verdict", "is_first", "is_kept"),
    [
        (Verdict.SUCCEEDED, True, False),
        (Verdict.SUCCEEDED, False, True),
        (Verdict.FAILED, True, True),
        (Verdict.RETRY, True, True),
        (Verdict.RETRY, False, True),
        (Verdict.RELEASED, True, False),
        (Verdict.RELEASED, False, False),
    ],
)
def test_an_attempt_is_kept_unless_it_was_the_plain_way_or_never_ran(
    verdict: Verdict, is_first: bool, is_kept: bool
) -> None:
    outcome = Outcome(1, 1, verdict, is_first_attempt=is_first)

    assert outcome.needs_attempt_row is is_kept
