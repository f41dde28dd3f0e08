"""The memory store: every verb of the contract behind one lock."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import ClassVar

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.clock import host_time
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.fate import Death
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.rollups import Rollup, Span
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.run import RunRecord
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.unique import Holder
from django_taskq.jobs.upkeep import Promoted, Reaped
from django_taskq.jobs.upstreams import have_upstreams
from django_taskq.jobs.workers import Beat, Pulse, WorkerInfo
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.stores.memory import (
    attaching,
    changes,
    endings,
    expanding,
    naming,
    reaping,
    rippling,
)
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob, copy_of, make_claim
from django_taskq.stores.memory.reads import Reads
from django_taskq.stores.memory.roll import Roll
from django_taskq.stores.memory.rollups import Rollups
from django_taskq.stores.memory.waiting import Bells
from django_taskq.stores.memory.xcoms import MemoryXComs
from django_taskq.stores.ordering import by_id
from django_taskq.stores.wakeup import Wakeup


class MemoryStore(Store):
    """Holds jobs in this process. One lock, held for as long as a few dicts take to change.

    Every verb that ends jobs keeps to MAX_RESULTS before it returns. `lease` is in seconds;
    with None a worker never loses its jobs by time. `rules` reads what operators say of tenants
    and queues; it may wait for a database and is called by `join` and `refresh` alone.
    """

    is_local: ClassVar[bool] = True

    def __init__(
        self,
        alias: str,
        options: Options,
        *,
        clock: Callable[[], datetime] = host_time,
        lease: float | None = None,
        rules: Callable[[], Rules] = Rules,
    ) -> None:
        super().__init__(alias, options)
        self._clock = clock
        self._lock = threading.Lock()
        self._board = Board(options, self.falls)
        self._roll = Roll(lease)
        self._bells = Bells()
        self._rollups = Rollups()
        self._ears: dict[str, Callable[[], None]] = {}
        self._read_rules = rules
        self._reads = Reads(alias, self._lock, self._board, self._roll)
        self.xcoms = MemoryXComs(self._lock, self._board.shelf, self._board.jobs, clock)

    # Jobs in and out.

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs and wake armed workers."""
        now = self._clock()
        add = self._board.add
        named = [spec for spec in specs if spec.unique_key]
        may_wait = self.options.missing_dependency == "wait"
        in_graph = may_wait or have_upstreams(specs)
        with self._lock:
            if in_graph:
                attaching.check(self._board, specs, self.alias, may_wait=may_wait)
            if named:
                inserted = naming.insert(self._board, specs, now)
            else:
                for spec in specs:
                    add(spec, now)
                inserted = [Inserted(spec.id, now) for spec in specs]
            if in_graph:
                attaching.attach(self._board, specs, [item.id for item in inserted], self.alias)
                rippling.spread(self._board, now)
            wakeups = self._ring()
        for wakeup in wakeups:
            wakeup.ring()
        return inserted

    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that hold these keys."""
        with self._lock:
            jobs = self._board.holders
            return {key: naming.holder_of(jobs[key]) for key in unique_keys if key in jobs}

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids, in the order asked."""
        return self._reads.get(ids)

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids, each with its attempts."""
        return self._reads.history(ids)

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        return self._reads.find(wanted)

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest pipeline runs that match, each with how its jobs stand."""
        return self._reads.runs(wanted)

    def edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return what these jobs wait for and what waits for them."""
        with self._lock:
            return self._board.graph.records(self._known(ids))

    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each known job."""
        with self._lock:
            specs = [copy_of(job, new_id()) for job in self._known(dict.fromkeys(ids))]
        return self.insert(specs)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs."""
        with self._lock:
            ended = [job for job in self._known(dict.fromkeys(ids)) if job.state in ENDED]
            for job in ended:
                self._board.drop(job)
            rippling.spread(self._board, self._clock())
        return len(ended)

    # A worker's verbs.

    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out ready jobs; there are no suspects here."""
        if request.suspects:
            return []
        now, read_at = self._clock(), monotonic()
        with self._lock:
            jobs = self._board.hand_out(request, now, read_at)
            return [make_claim(job, read_at) for job in jobs]

    def opens_in(self, worker_id: str) -> float | None:
        """Return the seconds after which the next claim may find more."""
        hand = self._board.hands.get(worker_id)
        opens_at = None if hand is None else hand.opens_at
        return None if opens_at is None else max(0.0, opens_at - monotonic())

    def finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[State | None]:
        """Write how attempts ended; None where the fence refuses."""
        now = self._clock()
        board = self._board
        states: list[State | None] = []
        with self._lock:
            for outcome in outcomes:
                job = board.find_held(worker_id, outcome.seq, outcome.attempt)
                states.append(None if job is None else endings.write(board, job, outcome, now))
            rippling.tidy(board, self.options.max_results, now)
            wakeups = self._ring()
        for wakeup in wakeups:
            wakeup.ring()
        return states

    def expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        """Write a success by which a job becomes other jobs; None where the fence refuses."""
        with self._change() as now:
            job = self._board.find_held(worker_id, outcome.seq, outcome.attempt)
            if job is None:
                return None
            return expanding.expand(self._board, job, outcome, specs, self.alias, now)

    def release(self, worker_id: str, fences: Sequence[Fence]) -> int:
        """Give back claimed jobs that never started."""
        with self._change() as now:
            return endings.give_back_held(self._board, worker_id, fences, now)

    def lose(
        self, worker_id: str, fences: Sequence[Fence], how: str, *, was_alone: bool
    ) -> list[State | None]:
        """Take back attempts that had started when their process died; sets none apart."""
        death, max_lost = Death(worker_id, how, was_alone), self.options.max_lost
        with self._change() as now:
            return endings.lose_held(self._board, worker_id, fences, death, max_lost, now)

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell."""
        with self._lock:
            return endings.write_notes(self._board, worker_id, notes)

    def join(self, worker: WorkerInfo) -> None:
        """Enter a worker with a fresh lease."""
        self.refresh()
        now = self._clock()
        with self._lock:
            self._roll.join(worker, now)

    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker, and note its pulse."""
        now = self._clock()
        with self._lock:
            if worker_id not in self._roll:
                return Beat(is_alive=False)
            self._roll.renew(worker_id, now, pulse)
            return Beat(is_alive=True, cancel_asked=self._asked(worker_id))

    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        """Return the seqs of this worker's running jobs that were asked to stop."""
        with self._lock:
            return self._asked(worker_id)

    def hear_cancels(self, worker_id: str, ear: Callable[[], None]) -> None:
        """Have `ear` called when running jobs were asked to stop."""
        self._ears[worker_id] = ear

    def held(self, worker_id: str) -> list[Fence]:
        """Return the running jobs of this worker."""
        with self._lock:
            return [Fence(job.seq, job.attempt) for job in self._board.held(worker_id)]

    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds."""
        with self._change() as now:
            released = reaping.give_back_all(self._board, worker_id, now)
            reaping.leave(self._board, self._roll, self._bells, worker_id)
            self._ears.pop(worker_id, None)
        return released

    # Upkeep.

    def refresh(self) -> bool:
        """Read what operators say of tenants and queues; tell whether that has changed."""
        rules = self._read_rules()
        with self._change():
            has_changed = rules != self._board.limits.rules
            if has_changed:
                self._board.rule(rules)
        return has_changed

    def promote(self, limit: int) -> Promoted:
        """Make due jobs READY."""
        with self._change() as now:
            count = self._board.promote(now, limit)
            due_at = self._board.next_due_at()
        next_in = None if due_at is None else max(0.0, (due_at - now).total_seconds())
        return Promoted(count, next_in)

    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over, or that are not known at all."""
        with self._change() as now:
            return reaping.reap(self._board, self._roll, self._bells, self.options.max_lost, now)

    def prune(self, limit: int) -> int:
        """Keep to MAX_RESULTS, and delete expired XCom values: no other retention is here."""
        with self._lock:
            dropped = self._board.drop_oldest(self.options.max_results, limit)
            rippling.spread(self._board, self._clock())
        return dropped + self.xcoms.prune(limit - dropped)

    # What callers and operators ask for.

    def cancel(self, ids: Sequence[str]) -> list[Change]:
        """Cancel waiting jobs at once and ask running ones to stop."""
        made = self._move(ids, changes.cancel)
        if any(change.is_asked for change in made):
            for ear in list(self._ears.values()):
                ear()
        return made

    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make failed, canceled and skipped jobs READY with fresh tries."""
        return self._move(ids, changes.retry)

    def run_now(self, ids: Sequence[str]) -> list[Change]:
        """Make SCHEDULED jobs READY before their time."""
        return self._move(ids, changes.run_now)

    def amend(self, ids: Sequence[str], amendment: Amendment) -> list[Change]:
        """Give waiting jobs another queue or priority."""
        return self._move(ids, changes.amending(amendment))

    def now(self) -> datetime:
        """Return the time by the store's clock."""
        return self._clock()

    def insights(self) -> Insights:
        """Return live numbers."""
        return self._reads.insights(self._clock())

    def outlook(self, id: str) -> Outlook | None:
        """Return what stands between a job and its start."""
        return self._reads.outlook(id, self._clock())

    def count(self, counted: Sequence[Counts]) -> None:
        """Add what a worker has counted of attempts to the roll-ups."""
        now = self._clock()
        with self._lock:
            self._rollups.add(counted, now)

    def rollups(self, span: Span, since: datetime | None = None) -> list[Rollup]:
        """Return the roll-ups of a span, the oldest first."""
        with self._lock:
            return self._rollups.read(span, since)

    # Waking up.

    def arm(self, worker_id: str) -> None:
        """Have a worker woken from now on."""
        with self._lock:
            self._bells.arm(worker_id)

    def disarm(self, worker_id: str) -> None:
        """Leave a worker alone."""
        with self._lock:
            self._bells.disarm(worker_id)

    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until jobs became ready, the wakeup is raised, or the seconds are over."""
        with self._lock:
            if self._bells.listen(worker_id, wakeup):
                return
        wakeup.wait(timeout)

    def wait_ended(self, ids: Sequence[str], timeout: float | None) -> bool:
        """Block until all these jobs have ended or are gone; False when the seconds are over."""
        with self._lock:
            jobs = self._known(ids)
            open_ids = {job.spec.id for job in jobs if job.goes_on}
            if not open_ids:
                return True
            waiter = self._board.waiters.add(open_ids)
        if waiter.done.wait(timeout):
            return True
        with self._lock:
            self._board.waiters.remove(open_ids, waiter)
            return waiter.done.is_set()

    def close(self) -> None:
        """Give every job that waits a final state."""
        with self._change() as now:
            changes.cancel_all(self._board, now)

    # With the lock held, but for the first three.

    @contextmanager
    def _change(self) -> Iterator[datetime]:
        """Hold the lock, keep to MAX_RESULTS, and wake workers where jobs became ready."""
        now = self._clock()
        with self._lock:
            yield now
            rippling.tidy(self._board, self.options.max_results, now)
            wakeups = self._ring()
        for wakeup in wakeups:
            wakeup.ring()

    def _move(self, ids: Sequence[str], move: changes.Move) -> list[Change]:
        with self._change() as now:
            made = [
                move(self._board, job, now) if (job := self._board.jobs.get(id)) is not None
                else Change(id, None, None)
                for id in dict.fromkeys(ids)
            ]  # fmt: skip
        return by_id(ids, made)

    def _known(self, ids: Iterable[str]) -> list[MemoryJob]:
        jobs = self._board.jobs
        return [jobs[id] for id in ids if id in jobs]

    def _asked(self, worker_id: str) -> frozenset[int]:
        return frozenset(
            job.seq for job in self._board.held(worker_id) if job.cancel_asked_at is not None
        )

    def _ring(self) -> Sequence[Wakeup]:
        if not self._board.has_news:
            return ()
        self._board.has_news = False
        return self._bells.ring()
