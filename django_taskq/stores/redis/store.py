"""The store whose jobs live in Redis until they end."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from redis.exceptions import RedisError

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.fate import Death
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.rollups import Rollup, Span, Trend
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.run import RunRecord
from django_taskq.jobs.servings import Served, Serving
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Holder
from django_taskq.jobs.upkeep import Promoted, Reaped
from django_taskq.jobs.upstreams import have_upstreams, without_rows
from django_taskq.jobs.workers import Beat, Pulse, WorkerInfo
from django_taskq.options import Options
from django_taskq.stores.archive import Archive
from django_taskq.stores.base import Store
from django_taskq.stores.redis.archiver import Archiver
from django_taskq.stores.redis.changes import Changes
from django_taskq.stores.redis.claims import Claims
from django_taskq.stores.redis.finishes import Finishes
from django_taskq.stores.redis.hands import Hands, seconds_of
from django_taskq.stores.redis.inserts import Inserts
from django_taskq.stores.redis.keys import Keys
from django_taskq.stores.redis.leases import Leases
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.redis.outlooks import Outlooks
from django_taskq.stores.redis.reads import Reads
from django_taskq.stores.redis.rulings import Rulings
from django_taskq.stores.redis.scripts import Scripts
from django_taskq.stores.redis.wakeups import Wakeups
from django_taskq.stores.redis.xcoms import RedisXComs
from django_taskq.stores.wakeup import Wakeup

logger = logging.getLogger("django_taskq.stores")

# With so many ended jobs that are not archived a worker archives some before it ends more.
MOST_ENDED = 20_000


class RedisStore(Store):
    """Jobs in Redis, shared by every process that can reach it; ended ones go to an archive.

    No verb takes part in a transaction of a database. `client` returns the client of this process;
    `rules` reads what operators say, and may wait for a database; both are asked when needed.
    """

    has_edges: ClassVar[bool] = False
    outages: tuple[type[Exception], ...] = (*Store.outages, RedisError, OSError)

    def __init__(
        self,
        alias: str,
        options: Options,
        *,
        client: Callable[[], Any],
        archive: Archive,
        rules: Callable[[], Rules],
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(alias, options)
        self._read_rules = rules
        self._archive = archive
        # What a share keeps from starting nobody but the worker itself knows of.
        self.rings_for_room = options.tenant_share is None
        self.scripts = scripts = Scripts(client, Keys(options.prefix, alias), clock)
        self._moves = moves = Moves(scripts)
        self.xcoms = RedisXComs(scripts)
        self._hands = Hands(options.tenant_share)
        self._rulings = Rulings(scripts)
        self._inserts = Inserts(scripts, moves, archive, options.priority_aging)
        self._wakeups = Wakeups(scripts)
        self._claims = Claims(self._rulings, self._hands, self._wakeups)
        self._finishes = Finishes(scripts, moves, options.max_lost)
        self._leases = Leases(scripts, moves, options.lease, options.max_lost)
        self._changes = Changes(scripts, moves, archive, options.priority_aging)
        self._reads = Reads(alias, scripts, moves, archive)
        self._outlooks = Outlooks(alias, self._rulings, archive)
        self._archiver = Archiver(scripts, moves, archive)

    def find_obstacle(self) -> str | None:
        """Name what the archive lacks."""
        return self._archive.find_obstacle()

    # Jobs in and out.

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, all or none, and wake workers. Raise InvalidPipeline for upstreams."""
        if have_upstreams(specs):
            raise without_rows(self.alias)
        return self._inserts.insert(specs)

    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that hold these keys."""
        return self._inserts.holders(unique_keys)

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, in the order asked."""
        return self._reads.get(ids)

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, each with its attempts."""
        return self._reads.history(ids)

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        return self._reads.find(wanted)

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Return nothing: there are no pipelines here."""
        return []

    def edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return nothing: no job waits for another one here."""
        return []

    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each job, ready now."""
        return self._changes.requeue(ids, self._inserts.insert)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs and their history."""
        return self._changes.delete(ids)

    # A worker's verbs.

    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out at most `limit` ready jobs, or suspects, in the order they should start."""
        return self._claims.claim(request)

    def opens_in(self, worker_id: str) -> float | None:
        """Return the seconds after which the next claim may find more."""
        return self._claims.opens_in(worker_id)

    def finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[State | None]:
        """Write how attempts ended; return each job's new state, or None where refused."""
        if self._finishes.ended_here > MOST_ENDED:
            self._archiver.make_room(MOST_ENDED)
        limited = self._rulings.has_limits
        states = self._finishes.finish(worker_id, outcomes, is_limited=limited)
        self._settle(worker_id, [(outcome.seq, seconds_of(outcome)) for outcome in outcomes])
        return states

    def expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        """Raise InvalidPipeline: no step is mapped here."""
        raise without_rows(self.alias)

    def release(self, worker_id: str, fences: Sequence[Fence]) -> int:
        """Give back claimed jobs that never started, free of charge."""
        states = self._finishes.release(worker_id, fences)
        self._settle(worker_id, [(fence.seq, None) for fence in fences])
        return sum(state is not None for state in states)

    def lose(
        self, worker_id: str, fences: Sequence[Fence], how: str, *, was_alone: bool
    ) -> list[State | None]:
        """Take back attempts that had started when their process died; set them apart."""
        states = self._finishes.lose(fences, Death(worker_id, how, was_alone))
        self._settle(worker_id, [(fence.seq, None) for fence in fences])
        return states

    def _settle(self, worker_id: str, ends: Sequence[tuple[int, float | None]]) -> None:
        hand = self._hands.find(worker_id)
        if hand is not None:
            hand.settle(ends)

    def has_suspects(self) -> bool:
        """Tell whether any job stands apart as a suspect."""
        return bool(self.scripts.client().exists(self.scripts.keys.name("suspects")))

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell, fenced."""
        return self._finishes.note(worker_id, notes)

    def join(self, worker: WorkerInfo) -> None:
        """Enter a worker with a fresh lease."""
        self._leases.join(worker)
        self.refresh()

    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker for all its jobs at once, and note its pulse."""
        beat, is_all_lost = self._leases.heartbeat(worker_id, pulse)
        if is_all_lost:
            logger.error(
                "Redis has lost all jobs of %r: it was flushed, or started anew without what it "
                "held. With DURABLE=False they cannot be brought back; later jobs run.",
                self.alias,
            )
        if not beat.is_alive:
            self._hands.drop(worker_id)
        return beat

    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        """Return the seqs of this worker's running jobs that were asked to stop."""
        return self._leases.cancels_asked(worker_id)

    def held(self, worker_id: str) -> list[Fence]:
        """Return the running jobs that Redis counts as this worker's."""
        self._wakeups.silence(worker_id)
        return self._leases.held(worker_id)

    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds."""
        self._wakeups.forget(worker_id)
        self._hands.drop(worker_id)
        return self._leases.forget(worker_id)

    def ask_stop(self, worker_ids: Sequence[str]) -> list[str]:
        """Ask live workers to stop, as SIGTERM would; return those that were asked."""
        return self._leases.ask_stop(worker_ids)

    # Upkeep.

    def refresh(self) -> bool:
        """Read what operators say of tenants and queues; tell whether that has changed."""
        rules = self._read_rules()
        has_changed = rules != self._rulings.rules
        if has_changed:
            self._rulings.rule(rules)
        return has_changed

    def promote(self, limit: int) -> Promoted:
        """Make due SCHEDULED jobs READY, the longest due first."""
        count, next_in = self.scripts.run("promote", limit)
        microseconds = int(next_in)
        return Promoted(count, None if microseconds < 0 else microseconds / 1_000_000)

    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over."""
        return self._leases.reap()

    def archive(self, limit: int) -> int:
        """Move at most `limit` ended jobs to the archive; return how many."""
        return self._archiver.archive(limit)

    def catch_up(self, limit: int) -> int:
        """Do nothing: no job waits for another one here."""
        return 0

    def prune(self, limit: int) -> int:
        """Delete ended jobs older than RETENTION once they are archived, and expired values."""
        self.archive(limit)
        count = self._archive.prune(limit)
        return count + self.xcoms.prune(limit - count)

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
        """Return the time by the clock of Redis."""
        return self._moves.now()

    def insights(self) -> Insights:
        """Return live numbers."""
        return self._reads.insights()

    def outlook(self, id: str) -> Outlook | None:
        """Return what stands between a job and its start, by what operators say now."""
        self.refresh()
        return self._outlooks.of(id)

    def count(self, counted: Sequence[Counts]) -> None:
        """Add what a worker has counted of attempts to the roll-ups, which are rows."""
        self._archive.count(counted)

    def rollups(self, span: Span, since: datetime | None = None) -> list[Rollup]:
        """Return the roll-ups of a span, the oldest first."""
        return self._archive.rollups(span, since)

    def count_servings(self, servings: Sequence[Serving]) -> None:
        """Add what a worker has given tenants; these are rows."""
        self._archive.count_servings(servings)

    def servings(self, since: datetime, tenants: Sequence[str]) -> Served:
        """Return what workers have given these tenants since about a moment."""
        return self._archive.servings(since, tenants)

    def trend(self, span: Span, since: datetime) -> Trend:
        """Return how all queues together went since a moment."""
        return self._archive.trend(span, since)

    def particulars(self) -> Any:
        """Return what the speed of this store depends on: its archive, with Redis among that."""
        known: Any = self._archive.particulars()
        told = self.scripts.client().info("server")
        version = told.get("valkey_version") or told.get("redis_version")
        product = "valkey" if "valkey_version" in told else "redis"
        return known._replace(settings={**known.settings, product: version})

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
        """Block until all these jobs have ended or are gone; False when the seconds are over."""
        return self._wakeups.wait_ended(ids, timeout)

    def close(self) -> None:
        """Give up subscriptions, idle connections, and what the archive holds open."""
        self._wakeups.close()
        self.scripts.close()
        self._archive.close()
