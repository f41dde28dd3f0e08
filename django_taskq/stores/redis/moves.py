"""Reading jobs, deciding about them, and writing that where nothing has changed since."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.ids import parse_id
from django_taskq.stores.redis.codec import read_moment
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.scripts import Scripts

# Jobs per script: Redis does nothing else while one runs.
CHUNK = 500
# How often a job is read again that changes while it is decided about.
MOST_ROUNDS = 50

# Decides what becomes of a job; False leaves it as it is.
type Decide = Callable[[RedisJob, datetime], bool]


class Moved(NamedTuple):
    """What a decision did: the job as it stands then, whether it was changed, and, where another
    job holds its predictable id, the id of that one.
    """

    job: RedisJob
    is_moved: bool
    held_by: str | None = None


class Contention(RuntimeError):
    """A job changed again and again while it was decided about."""


class Moves:
    """The one way in which jobs are changed outside of the scripts for many.

    The fence of a write is (state, attempt, rev): every write raises `rev`, but a claim, which
    raises `attempt`, and a first success, which nothing can follow.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def load(self, seqs: Iterable[str]) -> dict[str, RedisJob]:
        """Return the jobs with these numbers that are here, by number."""
        return self._load("seq", list(seqs))[0]

    def load_by_id(self, ids: Iterable[str]) -> dict[str, RedisJob]:
        """Return the jobs with these public ids that are here, by id."""
        known = [id for id in map(parse_id, ids) if id is not None]
        return {job.id: job for job in self._load("id", known)[0].values()}

    def now(self) -> datetime:
        """Return the present moment of the store's clock."""
        return self._load("seq", ["-"])[1]

    def change(self, seqs: Iterable[str], decide: Decide) -> dict[str, Moved]:
        """Decide about jobs; return by number what was done to those that are here."""
        done: dict[str, Moved] = {}
        left = list(dict.fromkeys(seqs))
        for _ in range(MOST_ROUNDS):
            stale: list[str] = []
            for start in range(0, len(left), CHUNK):
                stale += self._change(left[start : start + CHUNK], decide, done)
            if not stale:
                return done
            left = stale
        raise Contention(f"Jobs changed while they were decided about, again and again: {left}.")

    def _change(self, seqs: Sequence[str], decide: Decide, done: dict[str, Moved]) -> list[str]:
        jobs, now = self._load("seq", seqs)
        moving = []
        for seq, job in jobs.items():
            if decide(job, now):
                moving.append(job)
            else:
                done[seq] = Moved(job, is_moved=False)
        stale = []
        if moving:
            verdicts = self._scripts.run("move", *map(_written, moving))
            for job, verdict in zip(moving, verdicts, strict=True):
                if verdict == b"stale":
                    stale.append(job.seq)
                elif verdict == b"moved":
                    done[job.seq] = Moved(job, is_moved=True)
                elif verdict != b"gone":
                    done[job.seq] = Moved(job, is_moved=False, held_by=verdict.decode())
        return stale

    def _load(self, by: str, names: Sequence[str]) -> tuple[dict[str, RedisJob], datetime]:
        jobs: dict[str, RedisJob] = {}
        now = None
        for start in range(0, len(names), CHUNK):
            now, *found = self._scripts.run("load", by, *names[start : start + CHUNK])
            # One text is read more quickly than five hundred.
            for words in json.loads(b"[%b]" % b",".join(found)):
                job = RedisJob(words)
                jobs[job.seq] = job
        return jobs, read_moment(now or 0)


def _written(job: RedisJob) -> str:
    changed = dict(job.changed)
    return json.dumps(
        {
            "seq": job.seq,
            "state": job.before,
            "attempt": str(job.attempt),
            "rev": job.rev,
            "to": changed.pop("state", job.before),
            "set": changed,
            "drop": list(job.dropped),
        }
    )
