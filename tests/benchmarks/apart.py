"""Measurements that have databases of their own, and are not steps of a session."""

import os
import sys
from collections.abc import Callable, Iterator

from tests.redis_alias import REDIS_VARIABLE

type Measure = Callable[[int, int], Iterator[str]]


def run_apart(measure: Measure, database: str, *, jobs: int, rounds: int = 3) -> None:
    """Make databases, measure in them, print; the command line may give other numbers of both."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ[REDIS_VARIABLE] = "1"
    import django

    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    given = [int(word) for word in sys.argv[1:3]]
    jobs, rounds = [*given, *(jobs, rounds)[len(given) :]]
    made = setup_databases(0, interactive=False, aliases=["default", database])
    try:
        for line in measure(jobs, rounds):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    finally:
        from django.db import connections

        connections.close_all()
        teardown_databases(made, 0)
