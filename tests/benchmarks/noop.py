"""The jobs of every peer behind Django's own tasks; import them after ``django.setup()``."""

from __future__ import annotations

from time import process_time

from django.tasks import task

from tests.benchmarks.naps import sleep
from tests.benchmarks.tally import mark


@task()
def noop(payload: str = "") -> int:
    return mark()


@task()
def nap(who: int, seconds: float) -> int:
    return sleep(who, seconds)


@task()
def compute(seconds: float = 0.02) -> int:
    """Take this much time of a processor, in Python."""
    mark()
    until, rounds = process_time() + seconds, 0
    while process_time() < until:
        rounds += sum(range(20)) > 0
    return rounds
