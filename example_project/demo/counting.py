"""What the stored jobs say of a run, tenant by tenant."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from django_taskq.jobs.states import ENDED, State


class JobTimes(NamedTuple):
    """What the table needs of one job."""

    tenant: str
    state: str
    eligible_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class TenantFigures:
    """The line of one tenant; times in seconds, None where no job gives one."""

    tenant: str
    jobs: int
    failed: int
    unfinished: int
    wait_p50: float | None
    wait_p99: float | None
    per_second: float | None


def figures_of(tenant: str, jobs: Sequence[JobTimes]) -> TenantFigures:
    """Work out the figures of some jobs."""
    waits = sorted(
        (job.started_at - job.eligible_at).total_seconds()
        for job in jobs
        if job.started_at is not None and job.eligible_at is not None
    )
    return TenantFigures(
        tenant=tenant,
        jobs=len(jobs),
        failed=sum(job.state in ENDED and job.state != State.SUCCESSFUL for job in jobs),
        unfinished=sum(job.state not in ENDED for job in jobs),
        wait_p50=percentile(waits, 50),
        wait_p99=percentile(waits, 99),
        per_second=_rate(jobs),
    )


def by_tenant(jobs: Iterable[JobTimes]) -> list[TenantFigures]:
    """Return a line for each tenant, those with most jobs first."""
    ordered = sorted(jobs, key=lambda job: job.tenant)
    lines = [
        figures_of(tenant, list(group))
        for tenant, group in groupby(ordered, key=lambda job: job.tenant)
    ]
    return sorted(lines, key=lambda line: (-line.jobs, line.tenant))


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that `percent` of the ordered values do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _rate(jobs: Sequence[JobTimes]) -> float | None:
    """Return jobs per second between the first start and the last end."""
    starts = [job.started_at for job in jobs if job.started_at is not None]
    ends = [job.finished_at for job in jobs if job.finished_at is not None]
    if not starts or not ends:
        return None
    seconds = (max(ends) - min(starts)).total_seconds()
    return len(ends) / seconds if seconds > 0 else None
