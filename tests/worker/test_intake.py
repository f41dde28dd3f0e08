"""How far ahead a worker claims."""

import pytest

from django_taskq.worker.intake import Intake


def taught(job: float, claim: float, threads: int) -> Intake:
    intake = Intake(threads)
    intake.learn_claim(claim)
    for _ in range(2000):
        intake.learn(job)
    return intake


@pytest.mark.parametrize(("threads", "ahead"), [(1, 2), (4, 9), (10, 20)])
def test_a_worker_holds_what_all_its_threads_work_off_in_five_milliseconds(
    threads: int, ahead: int
) -> None:
    assert taught(0.002, 0.0005, threads).ahead == ahead


def test_its_threads_do_not_run_dry_while_a_slow_claim_is_on_its_way() -> None:
    assert taught(0.002, 0.008, 4).ahead * 0.002 / 4 >= 0.008


def test_the_slowest_claim_does_not_make_a_long_line() -> None:
    assert taught(0.002, 1.0, 4).ahead * 0.002 / 4 <= 0.025


def test_jobs_longer_than_that_are_not_claimed_ahead() -> None:
    assert taught(1.0, 0.001, 10).ahead == 0


def test_a_long_job_among_many_short_ones_is_not_forgotten_at_once() -> None:
    intake = taught(0.002, 0.0005, 16)
    intake.learn(2.0)
    for _ in range(100):
        intake.learn(0.002)
    assert intake.ahead <= 16


def test_what_a_job_costs_its_worker_is_not_divided_among_threads() -> None:
    for threads in (1, 10):
        assert 95 < taught(0.0, 0.001, threads).ahead <= 100


def test_the_first_claim_counts_in_full() -> None:
    intake = Intake(4)
    quick = intake.ahead
    intake.learn_claim(0.01)
    assert intake.ahead > 3 * quick
