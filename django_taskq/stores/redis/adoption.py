"""Taking archived jobs back into Redis."""

from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs import sighting
from django_taskq.jobs.change import Change
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import RETRYABLE, State
from django_taskq.stores.archive import Archive, KeptJob
from django_taskq.stores.redis.codec import (
    write_attempts,
    write_lane,
    write_moment,
    write_spec,
)
from django_taskq.stores.redis.scripts import Scripts


class Adoption:
    """Retries and copies of jobs that are in the archive and no longer here.

    The row stays until the job ends again: what is in Redis counts, and the archive is written
    anew then. So nothing is lost where a process dies in between.
    """

    def __init__(self, scripts: Scripts, archive: Archive, aging: float | None) -> None:
        self._scripts = scripts
        self._archive = archive
        self._aging = aging

    def specs(self, ids: Sequence[str]) -> dict[str, JobSpec]:
        """Return what archived jobs came as."""
        return {kept.spec.id: kept.spec for kept in self._archive.take_out(ids)}

    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make those that ended badly READY with fresh tries."""
        return [self._retry(kept) for kept in self._archive.take_out(ids)]

    def _retry(self, kept: KeptJob) -> Change:
        spec, before = kept.spec, kept.state
        if before not in RETRYABLE:
            return Change(spec.id, before, before)
        fields = _fields_of(kept, self._aging)
        arguments = [part for field in fields.items() for part in field]
        verdict = self._scripts.run("adopt", spec.id, spec.unique_key or "", *arguments)
        if verdict == b"moved":
            return Change(spec.id, before, State.READY)
        if verdict == b"here":
            # Somebody else has retried it since it was looked for.
            return Change(spec.id, State.READY, State.READY)
        return Change(spec.id, before, before, held_by=verdict.decode())


def _fields_of(kept: KeptJob, aging: float | None) -> dict[str, str]:
    spec = kept.spec
    known: dict[str, str | int | datetime | None] = {
        "task": spec.task,
        "lane": write_lane(Lane(spec.queue, spec.band, spec.tenant), spec.gate),
        "rank": spec.rank(aging, kept.enqueued_at),
        "spec": write_spec(spec),
        "schedule": None if spec.origin is None else spec.origin.schedule_id,
        "enqueued": kept.enqueued_at,
        "attempt": kept.attempt or None,
        "metadata": spec.metadata,
        "started": kept.started_at,
        "attempted": kept.last_attempted_at,
        "workers": kept.worker_ids,
        "progress": kept.progress,
        "ctx": sighting.forget(kept.ctx),
        "attempts": write_attempts(kept.attempts) if kept.attempts else None,
    }
    return {
        field: str(write_moment(value)) if isinstance(value, datetime) else str(value)
        for field, value in known.items()
        if value is not None
    }
