"""What stands between a job in Redis and its start, by one script."""

import json
from collections.abc import Sequence
from itertools import batched
from typing import Any

from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.outlook import MOST_AHEAD, MOST_WORKERS, Closed, Outlook
from django_taskq.jobs.sighting import sighting_in
from django_taskq.jobs.states import WAITING
from django_taskq.stores.archive import Archive
from django_taskq.stores.redis.codec import read_moment
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.leases import worker_of
from django_taskq.stores.redis.rulings import Rulings


class Outlooks:
    """Looks at jobs and writes nothing. `backend` is the alias."""

    def __init__(self, backend: str, rulings: Rulings, archive: Archive) -> None:
        self._backend = backend
        self._rulings = rulings
        self._archive = archive

    def of(self, id: str) -> Outlook | None:
        """Return the outlook of a job, here or in the archive, where it has ended."""
        known = parse_id(id)
        if known is None:
            return None
        # Nothing has been handed out, and one may start: else every limit counts as closed.
        told = self._rulings.run("outlook", 0, 1, 0, known, MOST_AHEAD + 1, MOST_WORKERS)
        if len(told) > 1:
            return self._read(told)
        kept = self._archive.get([known])
        return Outlook(record=kept[0], now=read_moment(told[0])) if kept else None

    def _read(self, told: Sequence[Any]) -> Outlook:
        at, fields, workers, is_queue_paused, is_tenant_paused, closed, ahead, beside = told
        now = read_moment(at)
        job = RedisJob(json.loads(fields))
        record = job.record(self._backend, has_errors=False)
        is_held_up = bool(is_queue_paused or is_tenant_paused or closed or ahead < 0)
        limits = {
            limit.key: limit
            for limit in self._rulings.rules.limits_of(record.queue, record.tenant, record.gate)
        }
        return Outlook(
            record=record,
            now=now,
            workers=tuple(worker_of(worker, now) for worker in workers),
            is_queue_paused=bool(is_queue_paused),
            is_tenant_paused=bool(is_tenant_paused),
            sighting=sighting_in(job.text("ctx")) if record.state in WAITING else None,
            closed=tuple(
                Closed(limits[key.decode()], _seconds(wait))
                for key, wait in batched(closed, 2)
                if key.decode() in limits
            ),
            ahead=None if is_held_up else ahead,
            beside=None if is_held_up else beside,
        )


def _seconds(wait: bytes) -> float | None:
    microseconds = int(wait)
    return None if microseconds < 0 else microseconds / 1_000_000
