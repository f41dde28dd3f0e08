"""Rows of jobs that were handed out, as claims."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django_taskq.jobs.claim import Claim
from django_taskq.stores.database.attempts import errors_of
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place

# What a claim reads of a row: the fields of Claim up to `task_id`, and the rank.
COLUMNS = (
    "seq", "public_id", "task", "args", "kwargs", "queue", "tenant", "priority", "attempt",
    "tries", "lost", "max_tries", "worker_id", "enqueued_at", "run_after", "claimed_at",
    "started_at", "worker_ids", "metadata", "options", "ctx", "trace",
    "run_id", "node", "map_index", "scheduled_for", "task_id", "rank",
)  # fmt: skip


class Taken(NamedTuple):
    """A claim, and its place within the lane."""

    rank: int
    seq: int
    claim: Claim


def taken_of(row: Sequence[Any], worker_id: str, now: datetime, read_at: float) -> Taken:
    """Make a claim of COLUMNS as they stood before it was written."""
    claim = Claim._make((*row[:-1], read_at, (), None))
    return Taken(row[-1], claim.seq, claim._replace(
        id=str(claim.id),
        attempt=claim.attempt + 1,
        worker_id=worker_id,
        enqueued_at=aware(claim.enqueued_at),
        run_after=aware(claim.run_after),
        claimed_at=now,
        started_at=aware(claim.started_at),
        run_id=claim.run_id and str(claim.run_id),
        scheduled_for=aware(claim.scheduled_for),
    ))  # fmt: skip


def with_errors(place: Place, claims: list[Claim]) -> list[Claim]:
    """Add the errors of earlier tries, read by one query where there may be any."""
    errors = errors_of(place, (claim.seq for claim in claims if claim.attempt > 1))
    if not errors:
        return claims
    return [claim._replace(errors=errors.get(claim.seq, ())) for claim in claims]
