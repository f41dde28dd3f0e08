"""The text format: escapes, numbers, histograms."""

import pytest

from django_taskq.jobs.counts import BOUNDS, BUCKETS, Histogram
from django_taskq.metrics.exposition import Family, number, render
from tests.metrics.exposed import parse


@pytest.mark.parametrize(
    "text", ['a "quoted" one', "back\\slash", "two\nlines", "\\n", "ünï", 'x"} 1\nfake{a="b']
)
def test_what_users_supply_stays_within_its_quotes(text: str) -> None:
    family = Family("taskq_jobs", "gauge", "Help with a \\ and\na break.")
    family.add(3, queue=text, state="READY")
    page = parse(render([family]).decode())
    assert page.value("taskq_jobs", queue=text, state="READY") == 3
    assert len(page.samples) == 1


def test_a_name_that_no_encoding_has_does_not_break_the_page() -> None:
    family = Family("taskq_jobs", "gauge", "Jobs.")
    family.add(1, tenant="\udc80")
    assert parse(render([family]).decode()).value("taskq_jobs", tenant="?") == 1


def test_a_family_without_samples_is_there() -> None:
    assert parse(render([Family("taskq_jobs", "gauge", "Jobs.")]).decode()).kinds == {
        "taskq_jobs": "gauge"
    }


def test_buckets_count_all_below_their_bound() -> None:
    family = Family("taskq_run_seconds", "histogram", "Runs.")
    buckets = [0] * BUCKETS
    buckets[0], buckets[3], buckets[-1] = 5, 2, 1
    family.add_histogram(Histogram(tuple(buckets), 4000.5), queue="q")
    page = parse(render([family]).decode())
    values = [
        page.value("taskq_run_seconds_bucket", queue="q", le=number(bound))
        for bound in (*BOUNDS, float("inf"))
    ]
    assert values == [5, 5, 5, *[7] * 11, 8]
    assert page.value("taskq_run_seconds_count", queue="q") == 8
    assert page.value("taskq_run_seconds_sum", queue="q") == 4000.5


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (2.0, "2"), (0.005, "0.005"), (float("inf"), "+Inf")]
)  # fmt: skip
def test_numbers_are_plain(value: float, text: str) -> None:
    assert number(value) == text
