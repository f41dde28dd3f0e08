"""One `runworker` with some processes works off a backlog, and what memory it holds before."""

from __future__ import annotations

import subprocess
import sys
from time import monotonic_ns
from typing import Any, cast

from tests.benchmarks.deadline import pause, until
from tests.benchmarks.processes import memory_of
from tests.benchmarks.steps.bench import Bench

SETTLE = 1
# What any process of the same project holds that does nothing at all.
DJANGO = (
    "import django, sys; from django.conf import settings;"
    " settings.configure(INSTALLED_APPS=['django_taskq']); django.setup();"
    " import django.db.backends.{backend}.base, django.core.management.commands.migrate;"
    " print(flush=True); sys.stdin.read()"
)


def fleet(
    bench: Bench, jobs: int, processes: int, kind: str, seconds: float = 80
) -> dict[str, float]:
    """Work off jobs of one kind, `noop` or `compute`; several processes share the tally."""
    peer = cast("Any", bench.peer)
    if kind == "compute":
        peer.enqueue_computing(jobs)
    else:
        bench.fill(jobs)
    with bench.worker() as worker:
        until(lambda: bench.tally.started(0) != 0, seconds, "the first job to start")
        until(lambda: bench.peer.finished(jobs) >= jobs, seconds, f"{jobs} results", step=0.01)
        end = monotonic_ns()
        worker.check()
    elapsed = (end - bench.tally.started(0)) / 1e9
    return {"jobs_per_second": jobs / elapsed, "jobs": jobs, "processes": processes}


def memory(bench: Bench, processes: int, seconds: float = 30) -> dict[str, float]:
    """Weigh an idle `runworker` with all its processes, and Django alone beside it."""
    peer = cast("Any", bench.peer)
    with bench.worker() as worker:
        until(lambda: peer.workers() >= processes, seconds, f"{processes} workers to join")
        pause(SETTLE)
        held = worker.memory()["pss_mb"]
    return {"pss_mb": held, "django_mb": _django(bench.place.kind), "processes": processes}


def _django(backend: str) -> float:
    backend = "sqlite3" if backend == "sqlite" else backend
    process = subprocess.Popen(
        [sys.executable, "-c", DJANGO.format(backend=backend)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        held = memory_of([process.pid])["pss_mb"]
        process.kill()
    return held
