"""A job in memory that becomes other jobs."""

from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.upstreams import have_upstreams
from django_taskq.stores.memory import attaching, endings
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob


def expand(
    board: Board,
    job: MemoryJob,
    outcome: Outcome,
    specs: Sequence[JobSpec],
    backend: str,
    now: datetime,
) -> State:
    """Store the jobs into which one grows, and end that; return its new state."""
    if job.cancel_asked_at is not None:
        return endings.write(board, job, outcome._replace(verdict=Verdict.RETRY), now)
    if have_upstreams(specs):
        attaching.check(board, specs, backend, may_wait=False)
    for spec in specs:
        board.add(spec, now)
    attaching.attach(board, specs, [spec.id for spec in specs], backend)
    board.graph.replace(job, [board.jobs[spec.id] for spec in specs])
    return endings.write(board, job, outcome, now)
