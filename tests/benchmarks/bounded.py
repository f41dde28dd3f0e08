"""Jobs that sleep, whose task bounds how many run or start; import them after setup."""

from __future__ import annotations

from django_taskq import task
from tests.benchmarks.naps import sleep
from tests.benchmarks.steps.bounds import MOST_RUNNING, STARTS_PER_SECOND


@task(max_running=MOST_RUNNING)
def capped(who: int, seconds: float) -> int:
    return sleep(who, seconds)


@task(max_rate=f"{STARTS_PER_SECOND}/s")
def rated(who: int, seconds: float) -> int:
    return sleep(who, seconds)
