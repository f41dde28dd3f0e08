"""Sentences about jobs that wait."""

from django_taskq.jobs.reasons import SUSPECT, parked_reason


def test_a_job_that_stands_apart_says_why() -> None:
    assert parked_reason(SUSPECT) == "Waits to run alone, since its worker died while it ran."
    assert parked_reason(None) is None


def test_what_a_later_release_writes_is_told_as_it_is() -> None:
    assert parked_reason("limit:mail") == "limit:mail"
