"""The store whose jobs are rows of Django's models."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from django.db import Error as DatabaseError
from django.db import router

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.backlogs import BacklogQuery, Backlogs
from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.fate import Death
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.glance import Glance
from django_taskq.jobs.hindrance import Hindrance
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.relay import Relayed
from django_taskq.jobs.rollups import Rollup, Span, Trend
from django_taskq.jobs.run import RunRecord
from django_taskq.jobs.servings import Served, Serving
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Holder
from django_taskq.jobs.upkeep import Promoted, Reaped
from django_taskq.jobs.workers import Beat, Pulse, WorkerInfo
from django_taskq.models import Job
from django_taskq.options import Options
from django_taskq.stores.archive import KeptJob
from django_taskq.stores.base import Store
from django_taskq.stores.database.books import End, end_of
from django_taskq.stores.database.changes import Changes
from django_taskq.stores.database.clock import Clock
from django_taskq.stores.database.expanding import Expanding
from django_taskq.stores.database.glances import glance_at
from django_taskq.stores.database.heirs import heir_of
from django_taskq.stores.database.losses import Losses
from django_taskq.stores.database.outlooks import Outlooks
from django_taskq.stores.database.particulars import Particulars, particulars_of
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.reads import Reads
from django_taskq.stores.database.reaping import Reaping
from django_taskq.stores.database.runs import Runs
from django_taskq.stores.database.suspects import Suspects
from django_taskq.stores.database.upkeep import Upkeep
from django_taskq.stores.database.vendors import Vendor, vendor_of
from django_taskq.stores.database.xcoms import DatabaseXComs
from django_taskq.stores.rollups import RollupRows
from django_taskq.stores.rules import RuleRows
from django_taskq.stores.servings import ServingRows
from django_taskq.stores.wakeup import Wakeup


class DatabaseStore(Store):
    """Jobs in a database, shared by every process that can reach it.

    `insert` takes part in the caller's transaction. Every other verb is one short transaction,
    or a savepoint where the caller has one open. Each thread uses its own connection, opened
    and closed as Django's always are. The reads and writes of one alias all go to one database:
    the option DATABASE, or where the router writes jobs.
    """

    is_transactional: ClassVar[bool] = True
    has_rows: ClassVar[bool] = True
    has_worker_rows: ClassVar[bool] = True

    def __init__(
        self,
        alias: str,
        options: Options,
        vendor: Vendor | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(alias, options)
        self.database = options.database or router.db_for_write(Job)
        chosen = vendor or vendor_of(self.database)
        self.vendor = chosen
        self._place = place = Place(
            self.database, alias, options, clock or chosen.clock(), chosen.begin, chosen.among
        )
        self._rules = RuleRows(self.database)
        self._rollups = RollupRows(self.database, alias)
        self._servings = ServingRows(self.database, alias)
        self._reads = Reads(place)
        self._outlooks = Outlooks(place)
        self._backlogs = chosen.backlogs(place)
        self.xcoms = DatabaseXComs(place, chosen.newest(place))
        self._wakeups = chosen.wakeups(place, self._reads)
        announce = self._wakeups.announce
        self._ripples = ripples = chosen.ripples(place, announce)
        ripples.on_fallen = self.falls.note
        self._attaching = chosen.attaching(place, ripples)
        self._inserts = chosen.inserts(place, announce, self._attaching)
        self._claims = chosen.claims(place)
        self._finishes = chosen.finishes(place, announce, ripples)
        self._expanding = Expanding(place, self._inserts, self._finishes, ripples)
        self._leases = chosen.leases(place, self._finishes.release)
        self._upkeep = Upkeep(place, announce, ripples)
        self._runs = Runs(place)
        self._suspects = Suspects(place)
        self._losses = Losses(place, ripples)
        self._reaping = Reaping(place, self._losses, announce)
        self._keeping = chosen.keeping(place, ripples)
        self._changes = Changes(
            place, self._inserts.insert, self._inserts.holders, announce, ripples
        )

    @property
    def place(self) -> Place:
        """Where the jobs stand; what is written in one transaction with them stands there too."""
        return self._place

    def find_obstacle(self) -> str | None:
        """Name the tables that are missing; one that does not answer is no obstacle."""
        try:
            missing = self._reads.missing_tables()
        except DatabaseError:
            return None
        if not missing:
            return None
        return (
            f"The database {self.database!r} lacks the tables {', '.join(missing)}: run manage.py "
            f"migrate --database {self.database}."
        )

    # Jobs in and out.

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, all or none, as part of the caller's transaction."""
        return self._inserts.insert(specs)

    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that are seen to hold these keys."""
        return self._inserts.holders.look(unique_keys)

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, in the order asked."""
        return self._reads.get(ids)

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, each with its attempts."""
        return self._reads.history(ids)

    def unfinished(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the jobs with these public ids that have not ended."""
        return self._reads.unfinished(ids)

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        return self._reads.find(wanted)

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest pipeline runs that match, each with how its jobs stand."""
        return self._runs.find(wanted)

    def edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return what these jobs wait for and what waits for them."""
        return self._reads.edges(ids)

    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each job, ready now."""
        return self._changes.requeue(ids)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs and their history."""
        return self._changes.delete(ids)

    # A worker's verbs.

    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out at most `limit` ready jobs, or suspects, in the order they should start."""
        if request.suspects:
            return self._suspects.claim(request, self._claims.rules)
        claims = self._claims.claim(request)
        if claims:
            self._wakeups.found(request.worker_id)
        return claims

    def opens_in(self, worker_id: str) -> float | None:
        """Return the seconds after which the next claim may find more."""
        return self._claims.opens_in(worker_id)

    def finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[State | None]:
        """Write how attempts ended; return each job's new state, or None where refused."""
        states = self._finishes.finish(worker_id, outcomes)
        self._settle(worker_id, [end_of(outcome) for outcome in outcomes], states)
        return states

    def relay(self, worker_id: str, outcomes: Sequence[Outcome], request: ClaimRequest) -> Relayed:
        """Finish, and hand what that frees to the same worker where nobody's turn is before it."""
        heir = heir_of(request, self._claims.rules) if self.options.tenant_share is None else None
        states, taken = self._finishes.relay(worker_id, outcomes, heir)
        self._settle(worker_id, [end_of(outcome) for outcome in outcomes], states)
        return Relayed(states, self._claims.hand_over(worker_id, taken))

    def look_again(self) -> None:
        """Look for jobs that began to wait, unseen, for what relays have ended."""
        self._ripples.pay_looks()

    def expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        """Write a success by which a job becomes other jobs; None where the fence refuses."""
        state = self._expanding.expand(worker_id, outcome, specs)
        self._settle(worker_id, [end_of(outcome)], [state])
        return state

    def release(self, worker_id: str, fences: Sequence[Fence]) -> int:
        """Give back claimed jobs that never started, free of charge."""
        released = self._finishes.release(worker_id, fences)
        self._claims.settle(worker_id, [(fence.seq, None) for fence in fences])
        return released

    def lose(
        self, worker_id: str, fences: Sequence[Fence], how: str, *, was_alone: bool
    ) -> list[State | None]:
        """Take back attempts that had started when their process died; set them apart."""
        states = self._losses.lose(fences, Death(worker_id, how, was_alone))
        self._settle(worker_id, [(fence.seq, None) for fence in fences], states)
        return states

    def _settle(self, worker_id: str, ends: Sequence[End], states: Sequence[State | None]) -> None:
        """Correct the accounts, and tell others of the limited jobs that have left their slots."""
        limited = self._claims.settle(worker_id, ends)
        if limited and any(
            seq in limited
            for (seq, _), state in zip(ends, states, strict=True)
            if state is not None
        ):
            self._wakeups.announce()

    def has_suspects(self) -> bool:
        """Tell whether any job stands apart as a suspect."""
        return self._suspects.has_any()

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell, fenced."""
        return self._finishes.note(worker_id, notes)

    def join(self, worker: WorkerInfo) -> None:
        """Enter a worker with a fresh lease."""
        self._leases.join(worker)
        self.refresh()

    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker for all its jobs at once, and note its pulse."""
        beat = self._leases.heartbeat(worker_id, pulse)
        if not beat.is_alive:
            self._claims.books.drop(worker_id)
        return beat

    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        """Return the seqs of this worker's running jobs that were asked to stop."""
        return self._leases.cancels_asked(worker_id)

    def held(self, worker_id: str) -> list[Fence]:
        """Return the running jobs that the store counts as this worker's."""
        return self._leases.held(worker_id)

    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds."""
        self._wakeups.forget(worker_id)
        self._claims.books.drop(worker_id)
        return self._leases.forget(worker_id)

    def ask_stop(self, worker_ids: Sequence[str]) -> list[str]:
        """Ask live workers to stop, as SIGTERM would; return those that were asked."""
        return self._leases.ask_stop(worker_ids)

    # Upkeep.

    def refresh(self) -> bool:
        """Read what operators say of tenants and queues; tell whether that has changed."""
        before, self._claims.rules = self._claims.rules, self._rules.refresh()
        return self._claims.rules != before

    def promote(self, limit: int) -> Promoted:
        """Make due SCHEDULED jobs READY, the longest due first."""
        return self._upkeep.promote(limit)

    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over."""
        return self._reaping.reap()

    def catch_up(self, limit: int) -> int:
        """Move jobs that wait for what has ended already."""
        return self._attaching.catch_up(limit)

    def prune(self, limit: int) -> int:
        """Delete at most `limit` ended jobs older than RETENTION, and expired XCom values."""
        pruned = self._upkeep.prune(limit)
        return pruned + self.xcoms.prune(limit - pruned)

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
        """Give waiting jobs another queue or priority."""
        return self._changes.amend(ids, amendment)

    def now(self) -> datetime:
        """Return the time by the database's clock."""
        return self._place.clock.read(self._place.connection)

    def insights(self) -> Insights:
        """Return live numbers."""
        return self._reads.insights()

    def backlogs(self, wanted: BacklogQuery) -> Backlogs:
        """Return how many unfinished jobs queues or tenants have, counted to a bound."""
        return self._backlogs.of(wanted)

    def glance(self, most: int) -> Glance:
        """Return live numbers by queue, by three statements."""
        return glance_at(self._place, most)

    def hindrances(self) -> tuple[Hindrance, ...]:
        """Return what of the database itself slows the queue down."""
        return tuple(self.vendor.hindrances(self._place))

    def outlook(self, id: str) -> Outlook | None:
        """Return what stands between a job and its start, by three or four statements."""
        return self._outlooks.of(id)

    def count(self, counted: Sequence[Counts]) -> None:
        """Add what a worker has counted of attempts to the roll-ups."""
        place = self._place
        self._rollups.add(counted, place.clock.read(place.connection))

    def rollups(self, span: Span, since: datetime | None = None) -> list[Rollup]:
        """Return the roll-ups of a span, the oldest first."""
        return self._rollups.read(span, since)

    def count_servings(self, servings: Sequence[Serving]) -> None:
        """Add what a worker has given tenants."""
        self._servings.add(servings, self.now())

    def servings(self, since: datetime, tenants: Sequence[str]) -> Served:
        """Return what workers have given these tenants since about a moment."""
        return self._servings.read(since, tenants)

    def trend(self, span: Span, since: datetime) -> Trend:
        """Return how all queues together went since a moment, by two statements."""
        return self._rollups.trend(span, since)

    def particulars(self) -> Particulars:
        """Return what the speed of this store depends on. It may take some seconds."""
        return particulars_of(self._place, self.vendor.settings)

    # The archive of another store.

    def keep(self, jobs: Sequence[KeptJob]) -> None:
        """Write jobs that ended in another store, in the place of what is kept of them."""
        self._keeping.keep(jobs)

    def take_out(self, ids: Sequence[str]) -> list[KeptJob]:
        """Return jobs as they were put in, in the order asked; they stay in it."""
        return self._keeping.take_out(ids)

    # Waking up.

    def arm(self, worker_id: str) -> None:
        """Ask to be woken by inserts from now on."""
        self._wakeups.arm(worker_id)

    def disarm(self, worker_id: str) -> None:
        """Ask for no more wake-ups."""
        self._wakeups.disarm(worker_id)

    def wait(self, worker_id: str, wakeup: Wakeup, timeout: float) -> None:
        """Sleep until work may have come, the wakeup is raised, or the seconds are over."""
        self._wakeups.wait(worker_id, wakeup, timeout)

    def wait_ended(self, ids: Sequence[str], timeout: float | None) -> bool:
        """Block until all these jobs have ended or are gone; False when the seconds are over.

        Inside a transaction whose isolation is REPEATABLE READ or stricter, and on SQLite inside
        any, the end of a job cannot be seen.
        """
        return self._wakeups.wait_ended(ids, timeout)

    def close(self) -> None:
        """Give up the connections and threads that wake-ups hold."""
        self._wakeups.close()
