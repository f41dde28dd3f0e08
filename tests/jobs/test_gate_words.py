"""What bounds a job's task, in the words of a page."""

import pytest

from django_taskq.jobs.limits import gate_of, words_of


@pytest.mark.parametrize(
    ("max_running", "max_rate", "words"),
    [
        (3, "10/s", "max_running 3, max_rate 10/s"),
        (3, None, "max_running 3"),
        (None, "600/m", "max_rate 600/m"),
        (None, None, None),
    ],
)
def test_the_limits_of_a_gate_are_named(
    max_running: int | None, max_rate: str | None, words: str | None
) -> None:
    assert words_of(gate_of("shop.tasks.ship", max_running, max_rate)) == words


@pytest.mark.parametrize("gate", ["shop.tasks.ship", "x max_running=many", "x max_rate=1"])
def test_a_gate_that_cannot_be_read_stays_as_it_is(gate: str) -> None:
    assert words_of(gate) == gate
