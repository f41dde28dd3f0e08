"""Measure schedules on PostgreSQL: ``python -m tests.benchmarks.due [SCHEDULES]``.

Many schedules due in the same second, what claims of a worker in the same process take meanwhile,
and what a scheduler asks while all of them are idle.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

DATABASE = "postgresql"
JOBS = 30_000
PAUSE = 0.01
WATCH = 4.0


def main() -> None:
    """Make a database, measure in it, print."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    number = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    made = setup_databases(0, interactive=False, aliases=["default", DATABASE])
    try:
        for line in measure(number):
            sys.stdout.write(f"{line}\n")
    finally:
        from django.db import connections

        connections.close_all()
        teardown_databases(made, 0)


def measure(number: int) -> Iterator[str]:
    """Yield what was measured, a line each."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    from django_taskq.control import store_of
    from django_taskq.scheduling.scheduler import LONGEST_IDLE, SHORTEST_IDLE, Scheduler
    from tests.stores.jobs import insert_many, join

    store = store_of(DATABASE)
    due = store.now().replace(second=0, microsecond=0)
    add(number, due)
    scheduler = Scheduler(store)
    seconds = fire(scheduler)
    jobs = store.insights().depth()
    yield f"{number} due in the same second, {jobs} jobs enqueued in {seconds:.2f} s"
    insert_many(store, JOBS)
    join(store)
    took: list[float] = []
    with claiming(store, took):
        threading.Event().wait(WATCH)
        alone = told(took)
        took.clear()
        set_back(due)
        seconds = fire(scheduler)
        yield f"beside claims in {seconds:.2f} s; claims alone {alone}, meanwhile {told(took)}"
    put_off(store.now() + timedelta(days=1))
    with CaptureQueriesContext(connections[DATABASE]) as asked:
        for _ in range(10):
            scheduler.tick()
    mean = (SHORTEST_IDLE + LONGEST_IDLE) / 2
    yield f"idle: {len(asked) / 10:.1f} statements a look, {len(asked) / mean:.1f}/s for 10 workers"


def add(number: int, due: datetime) -> None:
    """Store schedules of a year that are due once, all at the same instant."""
    from django_taskq.models import Schedule

    when = due.strftime("%M %H %d %m *")
    rows = [
        Schedule(
            name=f"s{n}",
            expression=when,
            task="tests.app.tasks.nothing",
            backend=DATABASE,
            queue="scheduled",
            tenant=f"t{n % 50}",
            next_at=due,
        )
        for n in range(number)
    ]
    Schedule.objects.using(DATABASE).bulk_create(rows)


def set_back(due: datetime) -> None:
    """Have the same schedules be due once more."""
    from django_taskq.models import Schedule, Tick

    Tick.objects.using(DATABASE).all().delete()
    Schedule.objects.using(DATABASE).update(next_at=due, last_job_id=None)


def put_off(until: datetime) -> None:
    """Have no schedule be due for a while."""
    from django_taskq.models import Schedule

    Schedule.objects.using(DATABASE).update(next_at=until)


def fire(scheduler: Any) -> float:
    """Fire all that is due; return how long it took."""
    began = monotonic()
    while scheduler.tick() == 0.0:
        pass
    return monotonic() - began


@contextmanager
def claiming(store: Any, took: list[float]) -> Iterator[None]:
    """Claim and finish jobs in another thread, noting how long each claim takes."""
    from django.db import connections

    from django_taskq.jobs.claim import ClaimRequest
    from tests.stores.jobs import WORKER, finish, success

    stop = threading.Event()

    def claim() -> None:
        while not stop.wait(PAUSE):
            began = monotonic()
            claims = store.claim(ClaimRequest(WORKER, 20, ("default",)))
            took.append(monotonic() - began)
            finish(store, *map(success, claims))
        connections.close_all()

    thread = threading.Thread(target=claim)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def told(took: list[float]) -> str:
    """Return the median and the 99th percentile in milliseconds."""
    ordered = sorted(took)
    median, late = (ordered[int((len(ordered) - 1) * share)] * 1000 for share in (0.5, 0.99))
    return f"p50 {median:.1f} p99 {late:.1f} ms"


if __name__ == "__main__":
    main()
