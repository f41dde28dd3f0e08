"""Moving ended jobs from Redis to where they are kept."""

from collections.abc import Sequence

from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import ENDED
from django_taskq.stores.archive import Archive, KeptJob
from django_taskq.stores.redis.codec import read_failure, read_moment
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.redis.scripts import Scripts

# Jobs per transaction.
CHUNK = 500
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

    def _move(self, seqs: Sequence[str]) -> int:
        # One that was retried since they were listed has not ended any more.
        found = self._moves.load(seqs)
        jobs = [job for job in found.values() if job.state in ENDED]
        self._archive.keep([kept_of(job) for job in jobs])
        fences = [part for seq in seqs if seq not in found for part in (seq, "", "")]
        for job in jobs:
            fences += (job.seq, str(job.attempt), job.rev)
        self._scripts.run("drop", *fences)
        return len(seqs)


def kept_of(job: RedisJob) -> KeptJob:
    """Return a job that has ended as the archive takes it."""
    spec: JobSpec = job.spec
    return KeptJob(
        spec=spec,
        state=job.state,
        rank=job.number("rank"),
        attempt=job.attempt,
        tries=job.number("tries"),
        lost=job.number("lost"),
        enqueued_at=read_moment(job.text("enqueued") or 0),
        eligible_at=job.moment("eligible"),
        claimed_at=job.moment("claimed"),
        started_at=job.moment("started"),
        last_attempted_at=job.moment("attempted"),
        finished_at=job.moment("finished"),
        cancel_asked_at=job.moment("cancel"),
        failure=read_failure(job.text("failure")),
        reason=job.text("reason"),
        result=job.text("result"),
        worker_id=job.text("worker"),
        worker_ids=job.text("workers"),
        progress=job.text("progress"),
        ctx=job.text("ctx"),
        attempts=job.attempts,
    )
