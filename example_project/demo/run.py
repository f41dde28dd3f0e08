"""The worker's run: start it, watch the jobs end, stop it when the user has seen enough."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from django.conf import settings

from django_taskq.models import Job
from example_project.child import Child
from example_project.demo.progress import ProgressDisplay

LOOK_EVERY = 0.25
GRACE = 10.0
LONGEST_END = GRACE + 5


@dataclass(frozen=True, slots=True)
class Run:
    """How the worker ended."""

    status: int
    seconds: float
    is_interrupted: bool
    told: str


def run_worker(display: ProgressDisplay) -> Run:
    """Run `manage.py runworker --burst` to its end, or until Ctrl-C stops it gracefully."""
    started = monotonic()
    log = Path(settings.VAR) / "worker.log"
    worker = Child("worker", ["runworker", "--burst", "--grace", f"{GRACE:g}"], log)
    is_interrupted = False
    try:
        watch(worker, display)
    except KeyboardInterrupt:
        is_interrupted = True
        print("\nStopping the worker: running jobs may finish. Ctrl-C once more to hurry.")
    finally:
        status = end(worker)
    display.close(*count())
    return Run(status, monotonic() - started, is_interrupted, worker.told())


def watch(worker: Child, display: ProgressDisplay) -> None:
    """Show the progress until the worker has ended."""
    while worker.wait(LOOK_EVERY) is None:
        display.show(*count())


def end(worker: Child) -> int:
    """End the worker if it still runs, gracefully; hurry it on another Ctrl-C."""
    worker.ask_to_stop()
    try:
        return worker.await_end(LONGEST_END)
    except KeyboardInterrupt:
        worker.ask_to_stop()
        return worker.await_end(LONGEST_END)


def count() -> tuple[int, int]:
    """Return how many jobs have ended and how many there are; jobs may enqueue further ones."""
    ended = Job.objects.filter(finished_at__isnull=False).count()
    return ended, Job.objects.count()
