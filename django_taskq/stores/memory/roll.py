"""The workers of a memory store and their leases."""

from datetime import UTC, datetime, timedelta

from django_taskq.jobs.workers import Pulse, WorkerInfo, WorkerRecord

NEVER = datetime.max.replace(tzinfo=UTC)


class _Member:
    __slots__ = ("beat_at", "expires_at", "info", "joined_at", "memory", "progress_at")

    def __init__(self, info: WorkerInfo, now: datetime) -> None:
        self.info = info
        self.joined_at = self.beat_at = self.progress_at = now
        self.expires_at = now
        self.memory: int | None = None


class Roll:
    """Workers by id. With no lease a worker is there until it leaves.

    A worker of this process lives as long as the store does, so time alone tells nothing: a
    process that slept for an hour must not take its jobs back from itself.
    """

    def __init__(self, lease: float | None) -> None:
        self._lease = lease
        self._members: dict[str, _Member] = {}

    def __contains__(self, worker_id: str) -> bool:
        return worker_id in self._members

    def join(self, info: WorkerInfo, now: datetime) -> None:
        """Enter a worker with a fresh lease."""
        self._members[info.id] = _Member(info, now)
        self.renew(info.id, now)

    def renew(self, worker_id: str, now: datetime, pulse: Pulse | None = None) -> None:
        """Start the lease of a worker anew, and note its pulse."""
        member = self._members[worker_id]
        member.beat_at = now
        member.expires_at = NEVER if self._lease is None else now + timedelta(seconds=self._lease)
        if pulse is not None:
            member.progress_at = now - timedelta(seconds=pulse.silent_for)
            member.memory = pulse.memory

    def leave(self, worker_id: str) -> None:
        """Take a worker out."""
        self._members.pop(worker_id, None)

    def is_solo(self, worker_id: str) -> bool:
        """Tell whether a worker runs one job alone; one that is not known does not."""
        member = self._members.get(worker_id)
        return member is not None and member.info.is_solo

    def expired(self, now: datetime) -> list[str]:
        """Return the workers whose lease is over."""
        return [id for id, member in self._members.items() if member.expires_at < now]

    def record(self, worker_id: str, now: datetime, running: int) -> WorkerRecord:
        """Return what is known of a worker."""
        member = self._members[worker_id]
        info = member.info
        return WorkerRecord(
            info.id, info.name, info.host, info.pid, info.queues,
            member.joined_at, member.beat_at, member.expires_at, member.expires_at >= now, running,
            info.is_solo, info.supervisor_pid, member.progress_at, member.memory,
            info.assignment, threads=info.threads, async_concurrency=info.async_concurrency,
        )  # fmt: skip

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all workers."""
        return tuple(self._members)
