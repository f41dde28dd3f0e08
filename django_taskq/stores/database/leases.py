"""Workers and their leases."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, QuerySet

from django_taskq.jobs.assignment import write_assignment
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import Beat, Pulse, WorkerInfo
from django_taskq.models import Job, Worker
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.place import Place

type Release = Callable[[str, Sequence[Fence]], int]


class Leases:
    """Enters workers, renews their leases, and takes them out."""

    def __init__(self, place: Place, release: Release) -> None:
        self.place = place
        self._release = release

    def join(self, worker: WorkerInfo) -> None:
        """Enter a worker with a fresh lease; one that comes back under its id starts afresh."""
        place = self.place
        now = place.clock.read(place.connection)
        Worker._default_manager.using(place.database).update_or_create(
            worker_id=worker.id,
            defaults={
                "backend": place.backend,
                "name": worker.name,
                "host": worker.host,
                "pid": worker.pid,
                "supervisor_pid": worker.supervisor_pid,
                "queues": None if worker.queues is None else json.dumps(worker.queues),
                "tenants": write_assignment(worker.assignment),
                "threads": worker.threads,
                "async_concurrency": worker.async_concurrency,
                "is_idle": False,
                "is_solo": worker.is_solo,
                "started_at": storable(now),
                "beat_at": storable(now),
                "expires_at": storable(now + timedelta(seconds=place.options.lease)),
                "progress_at": storable(now),
                "memory": None,
                "late_results": 0,
                "lost_at": None,
                "stop_asked_at": None,
            },
        )

    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker, unless its jobs were taken back already."""
        place = self.place
        now = place.clock.read(place.connection)
        me = place.workers().filter(pk=worker_id, lost_at__isnull=True)
        is_alive = me.update(
            beat_at=storable(now),
            expires_at=storable(now + timedelta(seconds=place.options.lease)),
            **_columns_of(pulse, now),
        )
        if not is_alive:
            return Beat(is_alive=False)
        asked = self._asked(worker_id)
        row = me.values_list("stop_asked_at", Exists(asked)).first()
        stop_asked_at, is_cancel_asked = row or (None, False)
        cancels = self.cancels_asked(worker_id) if is_cancel_asked else frozenset()
        return Beat(True, cancels, stop_asked_at is not None)

    def ask_stop(self, worker_ids: Sequence[str]) -> list[str]:
        """Ask live workers to stop; return those that were asked, now or before."""
        place = self.place
        now = storable(place.clock.read(place.connection))
        live = place.workers().filter(pk__in=worker_ids, lost_at__isnull=True, expires_at__gte=now)
        live.filter(stop_asked_at__isnull=True).update(stop_asked_at=now)
        return list(live.filter(stop_asked_at__isnull=False).values_list("pk", flat=True))

    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        """Return the seqs of this worker's running jobs that were asked to stop."""
        return frozenset(self._asked(worker_id).values_list("pk", flat=True))

    def _asked(self, worker_id: str) -> QuerySet[Job]:
        return self.place.jobs().filter(
            state=State.RUNNING, worker_id=worker_id, cancel_asked_at__isnull=False
        )

    def held(self, worker_id: str) -> list[Fence]:
        """Return the running jobs that the store counts as this worker's."""
        jobs = self.place.jobs().filter(state=State.RUNNING, worker_id=worker_id)
        return [Fence(*fence) for fence in jobs.order_by("pk").values_list("pk", "attempt")]

    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds; return how many."""
        released = self._release(worker_id, self.held(worker_id))
        self.place.workers().filter(pk=worker_id).delete()
        return released


def _columns_of(pulse: Pulse | None, now: datetime) -> dict[str, Any]:
    if pulse is None:
        return {}
    return {
        "progress_at": storable(now - timedelta(seconds=pulse.silent_for)),
        "memory": pulse.memory,
        "late_results": pulse.late_results,
    }
