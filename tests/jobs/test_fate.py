"""Where a job goes whose worker died."""

from typing import Any

import pytest

from django_taskq.jobs.fate import Death, Fate, fate_of
from django_taskq.jobs.states import Failure, State, is_allowed

AMONG_OTHERS = Death("box:1:a", "was killed by signal 9 (SIGKILL)", was_alone=False)
ALONE = AMONG_OTHERS._replace(was_alone=True)


def fate(death: Death | None, **values: Any) -> Fate:
    """Return the fate of a job with no tries and no deaths behind it."""
    known = {"tries": 0, "lost": 0, "max_tries": None, "max_lost": 3, "is_cancel_asked": False}
    return fate_of(death, **(known | values))


def test_a_job_that_had_not_started_goes_back_free() -> None:
    assert fate(None, max_tries=1, max_lost=1) == Fate(State.READY)
    assert not fate(None).is_suspect


@pytest.mark.parametrize("death", [AMONG_OTHERS, ALONE])
def test_a_job_that_had_started_is_a_suspect(death: Death) -> None:
    found = fate(death)

    assert found.is_suspect
    assert found.counts_lost is death.was_alone
    assert not found.costs_try
    assert fate(death, max_tries=2).costs_try


def test_only_a_death_alone_brings_a_job_to_max_lost() -> None:
    assert fate(AMONG_OTHERS, lost=9).state is State.READY
    assert fate(ALONE, lost=1).state is State.READY
    found = fate(ALONE, lost=2)

    assert (found.state, found.failure) == (State.FAILED, Failure.LOST)
    assert found.reason == (
        "3 workers died while each ran this job alone, which is as many as MAX_LOST allows; "
        "the last one was killed by signal 9 (SIGKILL)."
    )


def test_the_last_try_says_how_its_worker_died() -> None:
    assert fate(AMONG_OTHERS, tries=2, max_tries=4).state is State.READY
    assert fate(AMONG_OTHERS, tries=3, max_tries=4).reason == (
        "The worker was killed by signal 9 (SIGKILL) in the last of 4 tries."
    )
    assert fate(AMONG_OTHERS, max_tries=1).reason == (
        "The worker was killed by signal 9 (SIGKILL) in the only try."
    )


@pytest.mark.parametrize("death", [None, AMONG_OTHERS, ALONE])
def test_a_cancel_wins_over_every_death(death: Death | None) -> None:
    found = fate(death, max_tries=1, max_lost=1, is_cancel_asked=True)

    assert (found.state, found.failure) == (State.CANCELED, Failure.CANCELED)
    assert found.death is death
    assert not found.is_suspect
    assert is_allowed(State.RUNNING, found.state)
