"""What callers and operators ask for."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from django_taskq.jobs import sighting
from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.ids import new_id, parse_id
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.reasons import CANCELED_WAITING
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import ENDED, RETRYABLE, WAITING, Failure, State
from django_taskq.stores.archive import Archive
from django_taskq.stores.redis.adoption import Adoption
from django_taskq.stores.redis.codec import amend_spec, write_lane
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.moves import Decide, Moved, Moves
from django_taskq.stores.redis.scripts import Scripts

type Insert = Callable[[Sequence[JobSpec]], list[Inserted]]


class Changes:
    """Cancels, retries, hurries, copies and deletes jobs, wherever they stand."""

    def __init__(
        self, scripts: Scripts, moves: Moves, archive: Archive, aging: float | None
    ) -> None:
        self._scripts = scripts
        self._moves = moves
        self._archive = archive
        self._adoption = Adoption(scripts, archive, aging)
        self._aging = aging

    def cancel(self, ids: Sequence[str]) -> list[Change]:
        """Cancel waiting jobs at once and ask running ones to stop."""
        return [
            change._replace(is_asked=change.before is State.RUNNING)
            for change in self._change(ids, _cancel)
        ]

    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make failed, canceled and skipped jobs READY with fresh tries."""
        return self._change(ids, _retry, self._adoption.retry)

    def run_now(self, ids: Sequence[str]) -> list[Change]:
        """Make SCHEDULED jobs READY before their time."""
        return self._change(ids, self._run_now)

    def amend(self, ids: Sequence[str], amendment: Amendment) -> list[Change]:
        """Give waiting jobs another queue or priority."""
        return [
            change._replace(is_amended=change.before in WAITING)
            for change in self._change(ids, partial(self._amend, amendment=amendment))
        ]

    def requeue(self, ids: Sequence[str], insert: Insert) -> list[Inserted]:
        """Insert a copy of each job, ready now."""
        known = list(dict.fromkeys(id for id in map(parse_id, ids) if id is not None))
        here = {id: job.spec for id, job in self._moves.load_by_id(known).items()}
        rest = [id for id in known if id not in here]
        specs = here | (self._adoption.specs(rest) if rest else {})
        return insert([_copy_of(specs[id]) for id in known if id in specs])

    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs."""
        known = list(dict.fromkeys(id for id in map(parse_id, ids) if id is not None))
        if not known:
            return 0
        jobs = self._moves.load_by_id(known)
        fences: list[str] = []
        for job in jobs.values():
            if job.state in ENDED:
                fences += (job.seq, str(job.attempt), job.rev)
        here = self._scripts.run("drop", *fences) if fences else 0
        return here + self._archive.delete(
            [id for id in known if id not in jobs or jobs[id].state in ENDED]
        )

    def _change(
        self,
        ids: Sequence[str],
        decide: Decide,
        elsewhere: Callable[[Sequence[str]], list[Change]] | None = None,
    ) -> list[Change]:
        known = list(dict.fromkeys(id for id in map(parse_id, ids) if id is not None))
        jobs = self._moves.load_by_id(known) if known else {}
        order = [jobs[id].seq for id in known if id in jobs]
        done = self._moves.change(order, decide)
        changes = {moved.job.id: _change_of(moved) for moved in done.values()}
        rest = [id for id in known if id not in changes]
        if rest:
            found = (elsewhere or self._leave)(rest)
            changes |= {change.id: change for change in found}
        return [
            changes.get(parse_id(id) or id, Change(id, None, None))._replace(id=id) for id in ids
        ]

    def _leave(self, ids: Sequence[str]) -> list[Change]:
        """Tell of archived jobs that they stay as they are."""
        return [Change(job.id, job.state, job.state) for job in self._archive.get(ids)]

    def _run_now(self, job: RedisJob, now: datetime) -> bool:
        if job.state is not State.SCHEDULED:
            return False
        if self._aging is not None:
            # It waits from now on, not from the time it was meant for.
            rank = job.spec._replace(run_after=None).rank(self._aging, now)
            job.put(rank=min(job.number("rank"), rank))
        job.put(state=State.READY, eligible=now, due=None)
        return True

    def _amend(self, job: RedisJob, now: datetime, amendment: Amendment) -> bool:
        if job.state not in WAITING:
            return False
        before = job.spec
        spec = amendment.of(before)
        job.put(
            spec=amend_spec(job.text("spec") or "", spec),
            lane=write_lane(Lane(spec.queue, spec.band, spec.tenant), spec.gate),
            rank=amendment.rank(job.number("rank"), before.priority, self._aging),
        )
        return True


def _cancel(job: RedisJob, now: datetime) -> bool:
    if job.state is State.RUNNING:
        if job.text("cancel") is not None:
            return False
        job.put(cancel=now)
        return True
    if job.state not in WAITING:
        return False
    job.put(
        state=State.CANCELED, failure=Failure.CANCELED, reason=CANCELED_WAITING, finished=now,
        due=None, parked=None,
    )  # fmt: skip
    return True


def _retry(job: RedisJob, now: datetime) -> bool:
    if job.state not in RETRYABLE:
        return False
    job.put(
        state=State.READY, eligible=now, tries=None, lost=None, failure=None, reason=None,
        finished=None, cancel=None, result=None, worker=None, claimed=None, begun=None, due=None,
        ctx=sighting.forget(job.text("ctx")),
    )  # fmt: skip
    return True


def _change_of(moved: Moved) -> Change:
    job = moved.job
    before = State(job.before) if job.before in State else job.before
    if moved.held_by is not None:
        return Change(job.id, before, before, held_by=moved.held_by)
    return Change(job.id, before, job.state)


def _copy_of(spec: JobSpec) -> JobSpec:
    return spec._replace(
        id=new_id(), run_after=None, task_id=None, unique_key=None, trace=None, origin=None
    )
