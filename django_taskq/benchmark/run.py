"""A whole benchmark: enqueue, drain, single jobs; then everything is as it was before."""

import os
import platform
from typing import Any

import django
from django.conf import settings
from django.db import connections
from django.tasks import task_backends
from django.utils import timezone

import django_taskq
from django_taskq.benchmark import measures
from django_taskq.benchmark.alias import PrivateAlias, installed, new_alias
from django_taskq.benchmark.clearing import cleared_after
from django_taskq.benchmark.interrupts import ended_by_signals
from django_taskq.benchmark.measures import Tell
from django_taskq.benchmark.report import Figures, Load, Report
from django_taskq.benchmark.workers import bench_processes
from django_taskq.control import database_of, store_of
from django_taskq.exceptions import BenchmarkError
from django_taskq.stores.database.particulars import Particulars
from django_taskq.worker.settings import WorkerSettings

GRACE = 5.0
# One job in so many of `Load.jobs` is enqueued by itself, which takes far longer.
ONE_BY_ONE = 10


def run_benchmark(source: str, load: Load, tell: Tell) -> Report:
    """Measure a durable alias of TASKS and delete everything that was stored for it.

    It takes some tens of seconds. `tell` hears what is under way. Belongs to the main thread,
    where Ctrl-C and SIGTERM end it by KeyboardInterrupt. Raise BenchmarkError.
    """
    alias = new_alias(source)
    with ended_by_signals(), installed(alias):
        backend: Any = task_backends[alias.name]
        obstacle = backend.store.find_obstacle()
        if obstacle is not None:
            raise BenchmarkError(f"{source!r} cannot be worked: {obstacle}")
        if connections[database_of(alias.name)].in_atomic_block:
            raise BenchmarkError(
                "Expected to be called outside of a transaction, got one that is open: no "
                "worker would see its jobs."
            )
        tell("database: version, settings, round trip")
        database = backend.store.particulars()
        with cleared_after(backend.store):
            figures = _measure(alias, load, tell)
        return Report(
            date=timezone.now(),
            backend=source,
            load=load,
            database=database,
            versions=_versions(database),
            surroundings=_surroundings(backend.settings.poll_interval),
            figures=figures,
        )


def _measure(alias: PrivateAlias, load: Load, tell: Tell) -> Figures:
    # Imported late: it takes from TASKS what a task must name.
    from django_taskq.benchmark.tasks import tell_start

    task = tell_start.using(backend=alias.name)
    text = "x" * load.payload
    store = store_of(alias.name)
    round_trip = measures.round_trip(database_of(alias.name))
    with bench_processes() as processes:
        tell("enqueue: one by one")
        enqueue, ids = measures.enqueue(task, text, max(1, load.jobs // ONE_BY_ONE))
        enqueue_many, more = measures.enqueue_many(task, text, load.jobs, tell)
        tell("drain: starting the worker")
        processes.start(alias, _worker_settings(alias, load), load.processes)
        processes.go()
        drain = measures.drain(store, [*ids, *more], processes.check, tell)
        start, result = measures.latency(task, text, load.jobs, processes.check, tell)
        tell("stopping the worker")
    tell("deleting what was stored")
    return Figures(round_trip, enqueue, enqueue_many, drain, start, result)


def _worker_settings(alias: PrivateAlias, load: Load) -> WorkerSettings:
    backend: Any = task_backends[alias.name]
    return WorkerSettings(
        supervisor_pid=os.getpid(),
        threads=load.threads,
        grace=GRACE,
        poll_interval=backend.settings.poll_interval,
    )


def _versions(database: Particulars) -> dict[str, str]:
    return {
        "django_taskq": django_taskq.__version__,
        "django": django.get_version(),
        "python": platform.python_version(),
        database.product: database.version,
        "driver": database.driver,
    }


def _surroundings(poll_interval: float) -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "DEBUG": bool(settings.DEBUG),
        "POLL_INTERVAL": poll_interval,
    }
