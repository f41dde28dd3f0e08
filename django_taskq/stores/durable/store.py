"""The store whose jobs are rows, and are handed out by another one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.backlogs import BacklogQuery, Backlogs
from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.epochs import EpochLost
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.glance import Glance
from django_taskq.jobs.hindrance import Hindrance
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.rollups import Rollup, Span, Trend
from django_taskq.jobs.run import RunRecord
from django_taskq.jobs.servings import Served, Serving
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Holder
from django_taskq.jobs.upkeep import Promoted, Reaped
from django_taskq.jobs.workers import Beat, LeaseLost, Pulse, WorkerInfo
from django_taskq.jobs.xcom import XCom
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.stores.durable.attempts import Attempts
from django_taskq.stores.durable.changes import Changes
from django_taskq.stores.durable.claimed import Claimed
from django_taskq.stores.durable.epoch import Epoch
from django_taskq.stores.durable.handover import Handover
from django_taskq.stores.durable.leases import Leases
from django_taskq.stores.durable.reads import Reads
from django_taskq.stores.durable.sweep import Sweep
from django_taskq.stores.durable.waiting import Waiting
from django_taskq.stores.durable.xcoms import DurableXComs
from django_taskq.stores.pairing import Line, Rows
from django_taskq.stores.wakeup import Wakeup

# Seconds after which to claim again while the line is being handed what it has lost.
COME_BACK = 0.1


class DurableStore(Store):
    """Jobs that are rows from the caller's transaction on, and that a line hands out.

    The rows decide whatever becomes of a job; the line knows who gets which job next and who holds
    which. Verbs of rows work while the line does not answer; claims, and all that is about
    workers, raise one of `outages` then.
    """

    is_transactional: ClassVar[bool] = True
    has_rows: ClassVar[bool] = True

    def __init__(self, alias: str, options: Options, *, rows: Rows, line: Line) -> None:
        super().__init__(alias, options)
        self.rows = rows
        self.line = line
        self.falls = rows.falls
        self._is_filling = False
        self.outages = (*line.outages, EpochLost)
        self.epoch = epoch = Epoch(alias, rows.epochs, line.epochs)
        rows.expect(epoch.of)
        line.expect(lambda: epoch.number)
        self.handover = handover = Handover(alias, rows, line, line.outages, epoch.begin_first)
        self._claimed = claimed = Claimed(lambda seqs: handover.ask(lambda: line.look(seqs)))
        self._attempts = Attempts(rows, line, handover, claimed, epoch.is_over_for)
        self._changes = Changes(rows, line, handover)
        self._leases = Leases(rows, line, handover)
        self._reads = Reads(rows, line, handover)
        self.xcoms = DurableXComs(rows.xcoms, self._mark_pushers)
        self._sweep = Sweep(alias, rows.walks, line.sweeping, line.patient, epoch, handover.sync)
        rows.on_moved(handover.sync_later)
        rows.ask_spent(self._reads.spent)

    def find_obstacle(self) -> str | None:
        """Name what the rows lack."""
        return self.rows.find_obstacle()

    # Jobs in and out.

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, all or none, as part of the caller's transaction; hand them over after it."""
        return self._changes.insert(specs)

    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that are seen to hold these keys."""
        return self._reads.holders(unique_keys)

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, in the order asked."""
        return self._reads.get(ids)

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, each with its attempts."""
        return self._reads.history(ids)

    def unfinished(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the jobs with these public ids that have not ended."""
        return self.rows.unfinished(ids)

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        return self._reads.find(wanted)

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest pipeline runs that match, each with how its jobs stand."""
        return self._reads.runs(wanted)

    def edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return what these jobs wait for and what waits for them."""
        return self.rows.edges(ids)

    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each job, ready now."""
        return self._changes.requeue(ids)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs and their history."""
        return self.rows.delete(ids)

    # A worker's verbs.

    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out at most `limit` ready jobs, or suspects; asks no database.

        Raise LeaseLost for a worker that joined before an epoch was lost.
        """
        worker_id = request.worker_id
        if self.epoch.is_over_for(worker_id):
            raise LeaseLost(worker_id)
        try:
            claims = self.line.claim(request)
        except EpochLost:
            self.epoch.restore()
            if self.epoch.is_over_for(worker_id):
                raise LeaseLost(worker_id) from None
            claims = self.line.claim(request)
        self._claimed.add(worker_id, claims)
        self._is_filling = not claims and self.line.sweeping.is_looking()
        return claims

    def opens_in(self, worker_id: str) -> float | None:
        """Return the seconds after which the next claim may find more, as it may for as long as
        the line is being handed what it has lost.
        """
        opens_in = self.line.opens_in(worker_id)
        if not self._is_filling:
            return opens_in
        return COME_BACK if opens_in is None else min(opens_in, COME_BACK)

    def finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[State | None]:
        """Write how attempts ended; return each job's new state, or None where refused."""
        states = self._attempts.finish(worker_id, outcomes)
        self.line.settle(worker_id, [(outcome.seq, seconds_of(outcome)) for outcome in outcomes])
        return states

    def expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        """Write a success by which a job becomes other jobs; None where the fence refuses."""
        state = self._attempts.expand(worker_id, outcome, specs)
        self.line.settle(worker_id, [(outcome.seq, seconds_of(outcome))])
        return state

    def release(self, worker_id: str, fences: Sequence[Fence]) -> int:
        """Give back claimed jobs that never started, free of charge."""
        count = self._attempts.release(worker_id, fences)
        self.line.settle(worker_id, [(fence.seq, None) for fence in fences])
        return count

    def lose(
        self, worker_id: str, fences: Sequence[Fence], how: str, *, was_alone: bool
    ) -> list[State | None]:
        """Take back attempts that had started when their process died; set them apart."""
        states = self._attempts.lose(worker_id, fences, how, was_alone=was_alone)
        self.line.settle(worker_id, [(fence.seq, None) for fence in fences])
        return states

    def has_suspects(self) -> bool:
        """Tell whether any job stands apart as a suspect."""
        return self.line.has_suspects()

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell, fenced; their rows say RUNNING from then on."""
        return self._attempts.note(worker_id, notes)

    def join(self, worker: WorkerInfo) -> None:
        """Enter a worker with a fresh lease, in the present epoch."""
        self.epoch.keep(lambda: self._join(worker))

    def _join(self, worker: WorkerInfo) -> None:
        number = self.epoch.ready()
        self.line.join(worker)
        self.epoch.enter(worker.id, number)

    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker for all its jobs at once, and note its pulse."""
        if self.epoch.is_over_for(worker_id):
            return Beat(is_alive=False)
        return self.epoch.keep(lambda: self.line.heartbeat(worker_id, pulse))

    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        """Return the seqs of this worker's running jobs that were asked to stop."""
        return self.line.cancels_asked(worker_id)

    def held(self, worker_id: str) -> list[Fence]:
        """Return the running jobs that the line counts as this worker's."""
        return self.epoch.keep(lambda: self.line.held(worker_id))

    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds."""
        self.line.drop_worker(worker_id)
        self._claimed.drop(worker_id)
        self.epoch.leave(worker_id)
        return self.epoch.keep(lambda: self._leases.forget(worker_id))

    # Upkeep.

    def refresh(self) -> bool:
        """Read what operators say of tenants and queues; tell whether that has changed."""
        return self.line.refresh()

    def promote(self, limit: int) -> Promoted:
        """Make due SCHEDULED jobs READY, the longest due first; their rows learn of it later."""
        self.handover.pay()
        return self.epoch.keep(lambda: self.line.promote(limit))

    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over."""
        return self.epoch.keep(self._leases.reap)

    def sweep(self) -> float | None:
        """Hand over again what the line has lost or was never told of."""
        return self._sweep.step()

    def catch_up(self, limit: int) -> int:
        """Move jobs that wait for what has ended already."""
        return self.rows.catch_up(limit)

    def prune(self, limit: int) -> int:
        """Delete at most `limit` ended jobs older than RETENTION, and expired XCom values."""
        return self.rows.prune(limit)

    # What callers and operators ask for.

    def cancel(self, ids: Sequence[str]) -> list[Change]:
        """Cancel waiting jobs at once and ask running ones to stop."""
        return self._changes.cancel(ids)

    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make failed, canceled and skipped jobs READY with fresh tries."""
        return self._changes.retry(ids)

    def run_now(self, ids: Sequence[str]) -> list[Change]:
        """Make SCHEDULED jobs READY before their time."""
        return self._changes.run_now(ids)

    def amend(self, ids: Sequence[str], amendment: Amendment) -> list[Change]:
        """Give waiting jobs another queue or priority, and wake workers; all others stay."""
        return self._changes.amend(ids, amendment)

    def ask_stop(self, worker_ids: Sequence[str]) -> list[str]:
        """Ask live workers to stop; return those that were asked."""
        return self.line.ask_stop(worker_ids)

    def now(self) -> datetime:
        """Return the time by the clock of the rows."""
        return self.rows.now()

    def insights(self) -> Insights:
        """Return live numbers."""
        return self._reads.insights()

    def glance(self, most: int) -> Glance:
        """Return live numbers by queue, read quickly however many jobs there are."""
        return self._reads.glance(most)

    def hindrances(self) -> tuple[Hindrance, ...]:
        """Return what of the database of the rows slows the queue down."""
        return self.rows.hindrances()

    def backlogs(self, wanted: BacklogQuery) -> Backlogs:
        """Return how many unfinished jobs tenants have, by few and bounded reads."""
        return self._reads.backlogs(wanted)

    def outlook(self, id: str) -> Outlook | None:
        """Return what stands between a job and its start."""
        return self._reads.outlook(id)

    def count(self, counted: Sequence[Counts]) -> None:
        """Add what a worker has counted of attempts to the roll-ups."""
        self.rows.count(counted)

    def rollups(self, span: Span, since: datetime | None = None) -> list[Rollup]:
        """Return the roll-ups of a span, the oldest first."""
        return self.rows.rollups(span, since)

    def trend(self, span: Span, since: datetime) -> Trend:
        """Return how all queues together went since a moment, and which tasks failed."""
        return self.rows.trend(span, since)

    def count_servings(self, servings: Sequence[Serving]) -> None:
        """Add what a worker has given tenants."""
        self.rows.count_servings(servings)

    def servings(self, since: datetime, tenants: Sequence[str]) -> Served:
        """Return what workers have given these tenants since about a moment."""
        return self.rows.servings(since, tenants)

    def particulars(self) -> Any:
        """Return what the speed of this store depends on: its rows, with Redis among that."""
        line: Any = self.line
        return line.particulars()

    # Waking up.

    def arm(self, worker_id: str) -> None:
        """Ask to be woken by inserts from now on."""
        self.line.arm(worker_id)

    def disarm(self, worker_id: str) -> None:
        """Ask for no more wake-ups."""
        self.line.disarm(worker_id)

    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until work may have come, the wakeup is raised, or the seconds are over."""
        self.line.wait(worker_id, wakeup, timeout)

    def wait_ended(self, ids: Sequence[str], timeout: float | None) -> bool:
        """Block until all these jobs have ended or are gone; False when the seconds are over.

        Rows tell whether they have, the line when it is worth asking them again.
        """
        return Waiting(self.rows, self.line, self.handover, ids).run(timeout)

    def close(self) -> None:
        """Give up what rows and line hold open."""
        self.handover.close()
        self.line.close()
        self.rows.close()

    def _mark_pushers(self, values: Sequence[XCom]) -> None:
        """Have the rows know of the attempts that push, or nobody would read what they pushed."""
        pushers = [value.pusher for value in values if value.pusher is not None]
        if pushers:
            self._attempts.mark([Fence(pusher.seq, pusher.attempt) for pusher in pushers])


def seconds_of(outcome: Outcome) -> float | None:
    """Return for how long an attempt kept its worker, None for one that is free of charge."""
    started_at, finished_at = outcome.started_at, outcome.finished_at
    if started_at is None or finished_at is None or outcome.verdict is Verdict.RELEASED:
        return None
    return (finished_at - started_at).total_seconds()
