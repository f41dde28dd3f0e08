"""Moving ended jobs from Redis to where they are kept."""

import json
import logging
from collections.abc import Sequence
from threading import Event
from time import monotonic
from typing import Any

from django.db import Error as DatabaseError

from django_taskq.jobs.ids import new_id
from django_taskq.jobs.states import ENDED
from django_taskq.stores.archive import Archive, KeptJob
from django_taskq.stores.redis.codec import read_failure, read_moment, spec_of
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.redis.scripts import Scripts

# Jobs per transaction.
CHUNK = 500
# Jobs that a worker archives at a time to make room, the seconds that it waits where another one
# is at it, and after how many it ends more jobs all the same: its lease is longer.
ROOM = 2000
STAND_BACK = 0.05
LONGEST_ROOM = 5.0

logger = logging.getLogger("django_taskq.stores")
_NEVER = Event()
_MOMENTS = ("enqueued", "eligible", "claimed", "started", "attempted", "finished", "cancel")
# Milliseconds for which nobody else archives once one has begun.
TURN = 30_000


class Archiver:
    """Writes ended jobs to the archive, then deletes them here.

    One process does it at a time; where two overlap, or one dies in between, the same jobs are
    written once more in their own place. A job that was retried meanwhile stays here.
    """

    def __init__(self, scripts: Scripts, moves: Moves, archive: Archive) -> None:
        self._scripts = scripts
        self._moves = moves
        self._archive = archive

    def archive(self, limit: int) -> int:
        """Move at most `limit` jobs; return how many, 0 where somebody else is at it."""
        keys, client = self._scripts.keys, self._scripts.client()
        ended = keys.name("ended")
        first = client.zrange(ended, 0, min(limit, CHUNK) - 1)
        if not first:
            return 0
        token = new_id()
        if not self._scripts.run("turn", token, TURN):
            return 0
        try:
            count = 0
            while first:
                count += self._move([seq.decode() for seq in first])
                if count >= limit:
                    break
                first = client.zrange(ended, 0, min(limit - count, CHUNK) - 1)
            return count
        finally:
            self._scripts.run("turn", token, 0)

    def make_room(self, most: int) -> None:
        """Archive until at most so many ended jobs are left here, before more jobs end.

        Rows are written slower than jobs end: else Redis would fill. Where somebody else is at it
        wait for that one; where the database is gone, or slow, for a short while only.
        """
        until = monotonic() + LONGEST_ROOM
        while self._scripts.client().zcard(self._scripts.keys.name("ended")) > most:
            try:
                has_moved = self.archive(ROOM) > 0
            except DatabaseError as error:
                logger.warning("Ended jobs stay in Redis for now: %s", error)
                _NEVER.wait(STAND_BACK)
                return
            if monotonic() > until:
                return
            if not has_moved:
                _NEVER.wait(STAND_BACK)

    def _move(self, seqs: Sequence[str]) -> int:
        # One that was retried since they were listed has not ended any more.
        found = self._moves.load(seqs)
        jobs = [job for job in found.values() if job.state in ENDED]
        # As where jobs are loaded: one text is read more quickly.
        specs = json.loads(f"[{','.join(job.fields['spec'] for job in jobs)}]")
        self._archive.keep(list(map(kept_of, jobs, specs)))
        fences = [part for seq in seqs if seq not in found for part in (seq, "", "")]
        for job in jobs:
            fences += (job.seq, str(job.attempt), job.rev)
        self._scripts.run("drop", *fences)
        return len(seqs)


def kept_of(job: RedisJob, spec: list[Any]) -> KeptJob:
    """Return a job that has ended as the archive takes it; `spec` is what its spec holds."""
    told = job.fields.get
    moments = [None if (at := told(name)) is None else read_moment(at) for name in _MOMENTS]
    enqueued, eligible, claimed, started, attempted, finished, canceled = moments
    # By position: it is done for every job there is.
    return KeptJob(
        spec_of(job.id, spec, told("metadata")), job.state, int(told("rank", 0)), job.attempt,
        int(told("tries", 0)), int(told("lost", 0)), enqueued or read_moment(0), eligible, claimed,
        started, attempted, finished, canceled, read_failure(told("failure")), told("reason"),
        told("result"), told("worker"), told("workers"), told("progress"), told("ctx"),
        job.attempts,
    )  # fmt: skip
