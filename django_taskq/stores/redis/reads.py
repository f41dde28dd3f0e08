"""Looking at jobs, here and in the archive, and live numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any

from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.insights import Insights, LaneCount
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.stores.archive import Archive
from django_taskq.stores.ordering import by_id
from django_taskq.stores.redis.codec import read_moment
from django_taskq.stores.redis.leases import worker_of
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.redis.scripts import Scripts

# Jobs that one script looks at.
PAGE = 1000
# Of so many of the oldest jobs the one that has been ready for longest is told exactly.
OLDEST = 100


class Reads:
    """Reads jobs and workers; changes nothing.

    Redis is asked first: a job that is not found there was archived before it was deleted.
    """

    def __init__(self, alias: str, scripts: Scripts, moves: Moves, archive: Archive) -> None:
        self._alias = alias
        self._scripts = scripts
        self._moves = moves
        self._archive = archive

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids, in the order asked."""
        return self._read(ids, has_attempts=False)

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids, each with its attempts."""
        return self._read(ids, has_attempts=True)

    def _read(self, ids: Sequence[str], *, has_attempts: bool) -> list[JobRecord]:
        known = list(dict.fromkeys(id for id in map(parse_id, ids) if id is not None))
        if not known:
            return []
        jobs = self._moves.load_by_id(known)
        found = [job.record(self._alias, has_attempts=has_attempts) for job in jobs.values()]
        rest = [id for id in known if id not in jobs]
        if rest:
            found += self._archive.history(rest) if has_attempts else self._archive.get(rest)
        return by_id((parse_id(id) or id for id in ids), found)

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        here = self._find_here(wanted)
        known = {record.id for record in here}
        kept = [record for record in self._archive.find(wanted) if record.id not in known]
        if kept:
            # One that was taken back in is not what its row says.
            back = self._moves.load_by_id(record.id for record in kept)
            kept = [record for record in kept if record.id not in back]
        found = sorted([*here, *kept], key=lambda record: record.enqueued_at, reverse=True)
        return found[: wanted.limit]

    def _find_here(self, wanted: JobFilter) -> list[JobRecord]:
        filters = (wanted.state, wanted.queue, wanted.tenant, wanted.task)
        told = ["" if value is None else f"={value}" for value in filters]
        seqs: list[str] = []
        place = 0
        # What run a job is part of stands in its spec.
        limit = None if wanted.run_id is not None else wanted.limit
        while limit is None or len(seqs) < limit:
            left = PAGE if limit is None else limit - len(seqs)
            count, *found = self._scripts.run("find", place, PAGE, *told, left)
            seqs += [seq.decode() for seq in found]
            place += PAGE
            if count < PAGE:
                break
        jobs = self._moves.load(seqs)
        records = [jobs[seq].record(self._alias, has_errors=False) for seq in seqs if seq in jobs]
        return [record for record in records if wanted.run_id in (None, record.run_id)]

    def insights(self) -> Insights:
        """Return live numbers; ended jobs are not counted, for there may be millions.

        Lanes are counted a page at a time, so that Redis serves others in between.
        """
        now, told, since, rings, *workers = self._scripts.run("insights", OLDEST)
        at = read_moment(now)
        counts = Counter({lane[:3]: lane.count for lane in _lanes_of(told)})
        moments = [since] if since else []
        for band, queue, gate in batched(rings, 3):
            for oldest, tenants in self._count(band, queue, gate):
                moments += [oldest] if oldest else []
                for tenant, count in tenants:
                    counts[queue.decode(), tenant.decode(), State.READY.value] += count
        return Insights(
            now=at,
            lanes=tuple(LaneCount(*lane, count) for lane, count in sorted(counts.items())),
            oldest_ready_at=read_moment(min(map(int, moments))) if moments else None,
            workers=tuple(worker_of(told, at) for told in workers),
        )

    def _count(self, band: bytes, queue: bytes, gate: bytes) -> Iterator[tuple[bytes, list[Any]]]:
        """Count the lanes of a ring, page by page, with the oldest of their first jobs."""
        begin: bytes = b"-"
        while True:
            oldest, *told = self._scripts.run("count", band, queue, gate, begin, PAGE)
            yield oldest, list(batched(told, 2))
            if len(told) < 2 * PAGE:
                return
            begin = b"(" + told[-2]


def _lanes_of(told: Sequence[Any]) -> list[LaneCount]:
    quads = zip(told[::4], told[1::4], told[2::4], told[3::4], strict=True)
    return [
        LaneCount(queue.decode(), tenant.decode(), state.decode(), count)
        for queue, tenant, state, count in quads
    ]
