"""Which jobs and runs of a store somebody wants to see."""

from typing import NamedTuple


class JobFilter(NamedTuple):
    """Which jobs `find` returns, newest first; None leaves a field open, or the limit away."""

    state: str | None = None
    queue: str | None = None
    tenant: str | None = None
    task: str | None = None
    limit: int | None = 50
    run_id: str | None = None


class RunFilter(NamedTuple):
    """Which pipeline runs `runs` returns, newest first; None leaves a field open."""

    run_id: str | None = None
    tenant: str | None = None
    limit: int = 50
