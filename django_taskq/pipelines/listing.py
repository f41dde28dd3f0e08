"""The newest runs of several backends."""

from collections.abc import Iterable

from django_taskq.control import store_of
from django_taskq.jobs.filters import RunFilter
from django_taskq.jobs.run import RunRecord


def find_runs(wanted: RunFilter, backends: Iterable[str]) -> list[RunRecord]:
    """Return the newest runs that match, over all these backends."""
    found = [run for alias in backends for run in store_of(alias).runs(wanted)]
    found.sort(key=lambda run: run.id, reverse=True)
    return found[: wanted.limit]


def backend_of(run_id: str, backends: Iterable[str]) -> str | None:
    """Return the backend that has jobs of a run, None where there are none."""
    wanted = RunFilter(run_id=run_id, limit=1)
    return next((alias for alias in backends if store_of(alias).runs(wanted)), None)
