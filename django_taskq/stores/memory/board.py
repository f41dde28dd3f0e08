"""Where every job of a memory store stands, and the moves between the places."""

from collections import OrderedDict
from datetime import datetime
from itertools import count

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import ENDED, Failure, State
from django_taskq.options import Options
from django_taskq.stores.falls import Falls
from django_taskq.stores.memory.claiming import Claiming
from django_taskq.stores.memory.graph import Graph
from django_taskq.stores.memory.hand import Hand
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.lanes import Lanes
from django_taskq.stores.memory.limits import Limits
from django_taskq.stores.memory.line import Line
from django_taskq.stores.memory.open_runs import OpenRuns
from django_taskq.stores.memory.shelf import Shelf
from django_taskq.stores.memory.waiting import Waiters


class Board:
    """Jobs by id, and each in one place more: a lane, the due line, a worker's hand, the ended.

    `holders` are those with a predictable id that have not ended, by its key.

    `newest` is the last job of each tenant and `task_id`, ended or not.

    Knows no lock and no clock: its store holds the one and asks the other. `has_news` goes up
    when a job becomes READY, gets a time, or may start since another one has ended, for the store
    to wake workers and lower it.
    """

    def __init__(self, options: Options, falls: Falls) -> None:
        self.jobs: dict[str, MemoryJob] = {}
        self.holders: dict[str, MemoryJob] = {}
        self.hands: dict[str, Hand] = {}
        self.falls = falls
        self.graph = Graph()
        self.newest: dict[tuple[str, str], MemoryJob] = {}
        self.limits = Limits()
        self.due = Line()
        self.waiters = Waiters()
        self.shelf = Shelf()
        self.has_news = False
        self._options = options
        self._lanes = Lanes()
        self._runs = OpenRuns()
        self._ended: OrderedDict[str, MemoryJob] = OrderedDict()
        self._seqs = count(1)

    def add(self, spec: JobSpec, now: datetime) -> None:
        """Put a new job where it belongs: READY where its time has come, else SCHEDULED."""
        rank = spec.rank(self._options.priority_aging, now)
        job = self.jobs[spec.id] = MemoryJob(next(self._seqs), spec, rank, now)
        if spec.unique_key is not None:
            self.holders[spec.unique_key] = job
        if spec.gate != NO_GATE:
            self._watch()
        if spec.origin is not None:
            self._runs.enter(job)
        if spec.task_id is not None:
            self.newest[spec.tenant, spec.task_id] = job
        if spec.origin is not None and spec.origin.upstreams:
            job.state = State.DEFERRED
            return
        run_after = spec.run_after
        if run_after is None or run_after <= now:
            job.eligible_at = now
            self._lanes.push(job)
            self.has_news = True
        else:
            self.schedule(job, run_after)

    def replace(self, job: MemoryJob, spec: JobSpec, now: datetime) -> None:
        """Have a job that waits be what a spec with the same predictable id says."""
        # One that was ready keeps its time: else a busy id would never come to its turn.
        since = now if job.state is not State.READY else job.eligible_at or now
        self.take_out(job)
        job.spec = spec._replace(id=job.spec.id)
        job.metadata, job.ctx = spec.metadata, None
        job.rank = spec.rank(self._options.priority_aging, since)
        if spec.gate != NO_GATE:
            self._watch()
        run_after = spec.run_after
        if run_after is None or run_after <= now:
            self.make_ready(job, since)
        else:
            job.eligible_at = None
            self.schedule(job, run_after)

    def amend(self, job: MemoryJob, amendment: Amendment) -> None:
        """Give a job that waits another queue or priority; it keeps its times."""
        state = job.state
        if state is State.READY:
            self._lanes.remove(job)
        aging = self._options.priority_aging
        job.rank = amendment.rank(job.rank, job.spec.priority, aging)
        job.spec = amendment.of(job.spec)
        if state is State.READY:
            self.make_ready(job, job.eligible_at)

    def rank(self, job: MemoryJob, now: datetime) -> None:
        """Have a job wait from now on."""
        job.rank = job.spec.rank(self._options.priority_aging, now)

    # Moves of a job that stands nowhere.

    def make_ready(self, job: MemoryJob, eligible_at: datetime | None) -> None:
        """Put a job into its lane."""
        job.state = State.READY
        job.eligible_at = eligible_at
        job.due_at = None
        self._lanes.push(job)
        self.has_news = True

    def schedule(self, job: MemoryJob, due_at: datetime) -> None:
        """Have a job wait for its time."""
        job.state = State.SCHEDULED
        job.due_at = due_at
        self.due.push(due_at, job)
        self.has_news = True

    def end(self, job: MemoryJob, state: State, at: datetime) -> None:
        """Put a job among the ended ones."""
        job.state = state
        job.finished_at = at
        job.due_at = None
        id = job.spec.id
        self._ended[id] = job
        if job.spec.origin is not None:
            self._leave_run(job)
        if job.spec.unique_key is not None:
            self.holders.pop(job.spec.unique_key, None)
        if self.waiters:
            self.waiters.tell(id)
        if self.graph.edges:
            self.graph.note(job)

    def cancel(self, job: MemoryJob, reason: str, at: datetime) -> None:
        """End a job as canceled."""
        job.failure, job.reason = Failure.CANCELED, reason
        self.end(job, State.CANCELED, at)

    # Leaving a place.

    def take_out(self, job: MemoryJob) -> None:
        """Take a job out of the place of its state, so that it stands nowhere."""
        state = job.state
        if state is State.READY:
            self._lanes.remove(job)
        elif state is State.SCHEDULED:
            self.due.remove(job)
        elif state is State.RUNNING:
            self.let_go(job)
        elif state is State.DEFERRED:
            self.graph.leave(job)
            self.unblock(job)
        elif state in ENDED:
            self._take_ended(job)
            if job.spec.origin is not None:
                self._runs.enter(job)

    def block(self, job: MemoryJob, reason: str) -> None:
        """Have a job wait for what failed; its run does not go on for it."""
        if job.blocked_for is None:
            self._leave_run(job)
        job.blocked_for = reason
        self.waiters.tell(job.spec.id)

    def unblock(self, job: MemoryJob) -> None:
        """Have a job wait as it did before anything had failed."""
        if job.blocked_for is not None:
            job.blocked_for = None
            self._runs.enter(job)

    def _leave_run(self, job: MemoryJob) -> None:
        # What was kept ended before all the others that are still there.
        for id, kept in reversed(self._runs.leave(job).items()):
            self._ended[id] = kept
            self._ended.move_to_end(id, last=False)

    def _take_ended(self, job: MemoryJob) -> None:
        if not self._runs.take(job):
            del self._ended[job.spec.id]

    def let_go(self, job: MemoryJob, seconds: float | None = None) -> None:
        """Take a running job out of its worker's hand; `seconds` is how long it ran, if it did."""
        self.hands[job.worker_id].let_go(job.seq, seconds)  # type: ignore[index]
        job.start_by = None
        if self.limits.is_counting and self.limits.discount(job.spec):
            self.has_news = True

    def rule(self, rules: Rules) -> None:
        """Have what operators say hold from now on."""
        self.limits.rules = rules
        self._watch()
        self.has_news = True

    def _watch(self) -> None:
        if not self.limits.is_counting:
            jobs = (job for hand in self.hands.values() for job in hand.jobs.values())
            self.limits.watch(job.spec for job in jobs)

    def held(self, worker_id: str) -> list[MemoryJob]:
        """Return the jobs in a worker's hand."""
        hand = self.hands.get(worker_id)
        return [] if hand is None else list(hand.jobs.values())

    def find_held(self, worker_id: str, seq: int, attempt: int) -> MemoryJob | None:
        """Return the running job of this fence, None where it has moved on."""
        hand = self.hands.get(worker_id)
        job = None if hand is None else hand.jobs.get(seq)
        return job if job is not None and job.attempt == attempt else None

    def promote(self, now: datetime, limit: int) -> int:
        """Make due jobs READY, the longest due first; return how many."""
        promoted = 0
        while promoted < limit and (job := self.due.first()) and job.due_at <= now:  # type: ignore[operator]
            self.due.take(1)
            self.make_ready(job, job.due_at)
            promoted += 1
        return promoted

    def next_due_at(self) -> datetime | None:
        """Return when the next scheduled job is due."""
        job = self.due.first()
        return None if job is None else job.due_at

    def ahead_of(self, job: MemoryJob, most: int) -> int:
        """Count the jobs before one in its lane, to `most`."""
        return self._lanes.ahead_of(job, most)

    def waiting_in(self, queue: str, most: int) -> int:
        """Count the ready jobs of a queue, to `most`."""
        return self._lanes.waiting_in(queue, most)

    def hand_out(self, request: ClaimRequest, now: datetime, at: float) -> list[MemoryJob]:
        """Move the jobs whose turn it is into a worker's hand; `at` is the monotonic clock."""
        worker_id = request.worker_id
        hand = self.hands.get(worker_id)
        if hand is None:
            hand = self.hands[worker_id] = Hand(self._options.tenant_share)
        hand.settle()
        claiming = Claiming(self._lanes, self.limits, hand, request, now, at)
        taken = claiming.run()
        hand.opens_at = claiming.opens_at
        for job in taken:
            job.state = State.RUNNING
            job.attempt += 1
            job.worker_id = worker_id
            job.claimed_at = now
            job.is_started = False
            hand.jobs[job.seq] = job
        return taken

    def drop(self, job: MemoryJob) -> None:
        """Forget an ended job."""
        self._take_ended(job)
        self._forget(job)

    def drop_oldest(self, keep: int, limit: int | None = None) -> int:
        """Forget the jobs that ended first, until `keep` are left; return how many.

        Those whose run goes on are kept beyond that.
        """
        surplus = len(self._ended) - keep
        if surplus <= 0:
            return 0
        dropped = 0
        for _ in range(surplus if limit is None else min(surplus, limit)):
            _, job = self._ended.popitem(last=False)
            if job.spec.origin is None or not self._runs.keep(job):
                self._forget(job)
                dropped += 1
        return dropped

    def _forget(self, job: MemoryJob) -> None:
        spec = job.spec
        del self.jobs[spec.id]
        self.shelf.outlive(job)
        if job.seq in self.graph.jobs:
            self.graph.drop(job)
        if spec.task_id is not None and self.newest.get((spec.tenant, spec.task_id)) is job:
            del self.newest[spec.tenant, spec.task_id]
