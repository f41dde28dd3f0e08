"""The contract of a store: every verb that reads a job or changes its state.

The story of a job, told in verbs::

    insert -> claim -> finish                      the plain way
                    -> release                     given back untouched by a stopping worker
                    -> lose                        taken back, since its process died in it
                    -> reap                        taken back from a worker that fell silent
    insert(run_after) -> promote -> claim ...      SCHEDULED until it is due
    cancel, retry                                  what operators and callers ask for
    prune                                          ended jobs leave after their retention

Every verb takes and returns values, never rows. Every change is fenced: a write about a running
job carries (seq, attempt, worker id) and is refused when any of them has moved on. `claim`,
`finish` and `release` move many jobs at a time; one job is the batch of one. All times a store
writes come from the store's own clock. All upkeep (`promote`, `reap`, `prune`) may run in any
number of workers at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from django.db import InterfaceError, OperationalError

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.relay import Relayed
from django_taskq.jobs.run import RunRecord
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.unique import Holder
from django_taskq.jobs.upkeep import Promoted, Reaped
from django_taskq.jobs.workers import Beat, Pulse, WorkerInfo
from django_taskq.options import Options
from django_taskq.stores.falls import Falls
from django_taskq.stores.figures import Figures
from django_taskq.stores.wakeup import Wakeup
from django_taskq.stores.xcoms import XComs


class Store(Figures, ABC):
    """Holds the jobs of one backend alias. Methods are safe to call from any thread.

    `is_local` says that the jobs live in this process, so that no verb waits for I/O, `has_rows`
    that all jobs are rows, not only those that have ended, `has_worker_rows` that workers are.
    `is_transactional` says that an insert is part of the transaction in which it is made, on the
    database of the job rows; a store that is not takes a spec with an id that it has as done.
    `has_edges` says that jobs may wait for others, and so that there are pipelines.
    `rings_for_room` says that whoever is armed is rung for an end that lets another job start.
    `outages` are the errors that pass by themselves once what the store stands on answers again.
    `xcoms` are the values that jobs hand to one another, `falls` the jobs that this process has
    canceled for what they waited for: they are of no verb's answer.
    """

    is_local: ClassVar[bool] = False
    has_rows: ClassVar[bool] = False
    has_worker_rows: ClassVar[bool] = False
    is_transactional: ClassVar[bool] = False
    has_edges: ClassVar[bool] = True
    rings_for_room: bool = False
    outages: tuple[type[Exception], ...] = (OperationalError, InterfaceError)
    xcoms: XComs

    def __init__(self, alias: str, options: Options) -> None:
        self.alias = alias
        self.options = options
        self.falls = Falls()

    def find_obstacle(self) -> str | None:
        """Return in a sentence what keeps a worker from starting here and will not pass by
        itself (a missing table), or None. A store that does not answer is no obstacle.
        """
        return None

    # Jobs in and out.

    @abstractmethod
    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, all or none, and wake workers once they can be seen.

        A job whose `run_after` has come is READY at once, else SCHEDULED. A durable store takes
        part in the caller's transaction. With upstreams in its origin a job is DEFERRED, unless
        these have ended and decide it. Raise InvalidPipeline for upstreams that are unknown
        (unless MISSING_DEPENDENCY is "wait") or another tenant's, and for cycles.

        Of specs with the same `unique_key` one becomes a job, as long as that has not ended, over
        all processes and within a batch. What comes second obeys its `on_duplicate`: it raises
        DuplicateJob, leaves the job as it is, or changes in place one that has never started. A
        key that another transaction has just taken is waited for. No error of a database reaches
        the caller's transaction by it.
        """

    @abstractmethod
    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that are seen to hold these keys; waits for nobody."""

    @abstractmethod
    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, in the order asked; unknown ones are left out.

        They carry the errors of their tries, but not their attempts.
        """

    @abstractmethod
    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return what `get` does, each job with what is kept of its attempts, logs included.

        For a close look: each job may carry some megabytes. Kept are the first five and the
        last 45 attempts that left anything: all that failed, were canceled or lost, and a first
        success where it logged.
        """

    def unfinished(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the jobs with these public ids that have not ended."""
        return frozenset(record.id for record in self.get(ids) if record.state not in ENDED)

    @abstractmethod
    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""

    @abstractmethod
    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest pipeline runs that match, each with how its jobs stand."""

    @abstractmethod
    def edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return what these jobs wait for and what waits for them, each edge once."""

    @abstractmethod
    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each job, ready now, with tries and history of its own."""

    @abstractmethod
    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs and their history; jobs in any other state stay."""

    # A worker's verbs.

    @abstractmethod
    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out at most `limit` ready jobs in the order they should start.

        A claim raises `attempt` and `tries` stays. Tenants are served as `jobs.fairness` says,
        within a tenant by rank and then by order of insertion. Two callers never get the same
        job. Nothing paused is handed out, and never more than the limits of a job's gate, tenant
        and queue allow, over all workers.

        With `suspects` it hands out suspects and nothing else, by rank and then by order of
        insertion; without, never one. What is handed out stands apart no more.
        """

    @abstractmethod
    def opens_in(self, worker_id: str) -> float | None:
        """Return the seconds after which a worker's next claim may find what its last one passed
        over because of a limit; None where nothing but a wake-up tells. Asks nobody.
        """

    @abstractmethod
    def finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[State | None]:
        """Write how attempts ended; return each job's new state, or None where refused.

        Refused is what the fence no longer allows: the job has gone to another worker, or has
        ended. Writing the same outcomes twice changes nothing the second time.
        """

    def relay(self, worker_id: str, outcomes: Sequence[Outcome], request: ClaimRequest) -> Relayed:
        """Finish, and hand to the same worker what that has freed, as `request` would claim it.

        Only jobs that no limit bounds, and only while no job of this store is ready: else there
        are turns, and what is freed waits for its own. A store that hands nothing over finishes.
        Whoever relays calls `look_again` within moments.
        """
        return Relayed(self.finish(worker_id, outcomes))

    def look_again(self) -> None:
        """Look for jobs that began to wait, unseen, for what relays have ended since the last call.

        What nobody has looked for when its process dies is left to `catch_up`.
        """
        return

    @abstractmethod
    def expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        """Write a success by which a job becomes other jobs; return its new state, None where
        the fence refuses.

        All of it or nothing: the jobs are stored, those that waited for the one wait for all of
        them in its place, and it ends. One that was asked to stop ends as CANCELED instead, and
        nothing is stored.
        """

    @abstractmethod
    def release(self, worker_id: str, fences: Sequence[Fence]) -> int:
        """Give back claimed jobs that never started, free of charge; return how many.

        What a solo worker gives back, here or by another verb, is a suspect again.
        """

    @abstractmethod
    def lose(
        self, worker_id: str, fences: Sequence[Fence], how: str, *, was_alone: bool
    ) -> list[State | None]:
        """Take back attempts that had started when their process died; return the new states,
        None where the fence refuses, as it does the second time.

        `how` completes the sentence "Worker X ... while it ran the job." The death counts in
        `tries` where max_tries is set, and in `lost` where the process ran nothing else. At
        MAX_LOST, or with its tries used up, the job fails as lost; else it is READY. A durable
        store sets it apart as a suspect, until a claim asks for suspects. A memory store does
        not: what runs its jobs in processes gives each one of its own.
        """

    def has_suspects(self) -> bool:
        """Tell whether any job stands apart as a suspect: one query, by an index. A store that
        sets none apart has none.
        """
        return False

    @abstractmethod
    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell, fenced; return how many were taken."""

    @abstractmethod
    def join(self, worker: WorkerInfo) -> None:
        """Enter a worker with a fresh lease."""

    @abstractmethod
    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker for all its jobs at once, and note its pulse.

        Without a pulse somebody else beats for a worker that cannot: what is known of its
        progress stays as it is.
        """

    @abstractmethod
    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        """Return the seqs of this worker's running jobs that were asked to stop."""

    def hear_cancels(self, worker_id: str, ear: Callable[[], None]) -> None:
        """Have `ear` called when running jobs were asked to stop, until this worker is forgotten.

        A store in this process tells it at once, in the thread of whoever asks. Another one does
        nothing, and its workers ask each second.
        """
        return

    @abstractmethod
    def held(self, worker_id: str) -> list[Fence]:
        """Return the running jobs that the store counts as this worker's.

        A worker whose claim broke off after its commit finds there what it never received.
        """

    @abstractmethod
    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds, free of charge; return how many."""

    def ask_stop(self, worker_ids: Sequence[str]) -> list[str]:
        """Ask live workers to stop, as SIGTERM would; return those that were asked.

        Their next heartbeat tells them. Workers of a pool stop with the process whose pool it is,
        so a store in memory asks none.
        """
        return []

    # Upkeep.

    @abstractmethod
    def refresh(self) -> bool:
        """Read anew what operators say of tenants and queues; the claims go by it from now on.

        Return whether anything has changed, so that a claim may find more than before. `join`
        does so too. Where the rows cannot be read, what was read last holds.
        """

    @abstractmethod
    def promote(self, limit: int) -> Promoted:
        """Make due SCHEDULED jobs READY, the longest due first."""

    @abstractmethod
    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over.

        What is known to have started goes the way of `lose`, and so does the one job of a solo
        worker, which starts it at once. A job merely claimed goes back free.
        """

    def archive(self, limit: int) -> int:
        """Move at most `limit` ended jobs to where they are kept; return how many.

        Nothing to do for a store that keeps jobs where they end.
        """
        return 0

    def sweep(self) -> float | None:
        """Have a piece of what was lost where jobs are handed out handed over again; return the
        seconds until there may be more, None where nothing can be lost.
        """
        return None

    def catch_up(self, limit: int) -> int:
        """Move jobs that wait for what has ended already, since who had to tell them has died.

        Look at most at `limit` edges, from where the last call stood; return how many jobs were
        decided about. A job that waits for one that is not there yet is looked for, too. A store in
        which nobody dies between the two has nothing to do.
        """
        return 0

    @abstractmethod
    def prune(self, limit: int) -> int:
        """Delete ended jobs older than RETENTION, and XCom values that have expired.

        At most `limit` of both together; return how many. Values outlive their jobs.
        """

    # What callers and operators ask for.

    @abstractmethod
    def cancel(self, ids: Sequence[str]) -> list[Change]:
        """Cancel waiting jobs at once and ask running ones to stop; ended ones stay."""

    @abstractmethod
    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make failed, canceled and skipped jobs READY with fresh tries; history is kept.

        A job takes its predictable id back; where another job holds that, it stays as it is.
        """

    @abstractmethod
    def run_now(self, ids: Sequence[str]) -> list[Change]:
        """Make SCHEDULED jobs READY before their time."""

    @abstractmethod
    def amend(self, ids: Sequence[str], amendment: Amendment) -> list[Change]:
        """Give waiting jobs another queue or priority, and wake workers; all others stay.

        A job keeps its times, and what it has waited counts on in its new lane. One that stands
        apart stays apart, and one that waits for others goes on waiting.
        """

    def now(self) -> datetime:
        """Return the time by the store's clock."""
        return self.insights().now

    def outlook(self, id: str) -> Outlook | None:
        """Return what stands between a job and its start, None where there is no such job.

        By few and bounded reads, however many jobs there are. A store that has no way of its own
        tells of the workers alone.
        """
        found = self.get([id])
        if not found:
            return None
        insights = self.insights()
        return Outlook(
            record=found[0], now=insights.now, is_local=self.is_local, workers=insights.workers
        )

    # Waking up.

    @abstractmethod
    def arm(self, worker_id: str) -> None:
        """Ask to be woken by inserts from now on. Claim once more before waiting."""

    @abstractmethod
    def disarm(self, worker_id: str) -> None:
        """Ask for no more wake-ups: the worker is busy and looks by itself."""

    @abstractmethod
    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until work may have come, the wakeup is raised, or the seconds are over."""

    @abstractmethod
    def wait_ended(self, ids: Sequence[str], timeout: float | None) -> bool:
        """Block until all these jobs have ended or are gone; False when the seconds are over.

        A job that is not known is gone. A durable store waits a few seconds for one that it has
        never seen: it may not be committed yet.
        """

    @abstractmethod
    def close(self) -> None:
        """Give up what the calling process holds open; the store can be used again."""
