"""Fair claims and limits in a few lines that the stores are compared with: slow, plainly right."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fairness import Accounts, Handed
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import Limit, queue_key, task_key, tenant_key
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.tenants import Tenants

# Among so many lanes at least a claim looks for the tenants that had least.
WINDOW = 32
LAST = "\U0010ffff"


@dataclass(eq=False)
class FairJob:
    """A job that waits, runs or has ended."""

    seq: int
    spec: JobSpec
    rank: int
    worker: str | None = None
    has_ended: bool = False

    @property
    def lane(self) -> Lane:
        """Where the job stands."""
        return Lane(self.spec.queue, self.spec.band, self.spec.tenant)

    @property
    def is_ready(self) -> bool:
        """Whether a claim may find it."""
        return self.worker is None and not self.has_ended

    @property
    def keys(self) -> set[str]:
        """The limits under which it counts while it runs."""
        return {task_key(self.spec.task), tenant_key(self.spec.tenant), queue_key(self.spec.queue)}


@dataclass
class FairWorker:
    """Where a worker stands: its accounts, its queues and its rings."""

    accounts: Accounts
    last_queue: str = LAST
    last_tenants: dict[tuple[str, int], str] = field(default_factory=dict)


class FairModel:
    """All jobs in one list. Every question is answered by looking at each of them."""

    def __init__(self, tenant_share: float | None = None, aging: float | None = None) -> None:
        self.rules = Rules()
        self.jobs: list[FairJob] = []
        self.starts: dict[str, list[datetime]] = {}
        self._next_at: dict[str, datetime] = {}
        self._share = tenant_share
        self._aging = aging
        self._workers: dict[str, FairWorker] = {}

    def insert(self, spec: JobSpec, now: datetime) -> FairJob:
        """Take in a job that is ready."""
        job = FairJob(len(self.jobs), spec, spec.rank(self._aging, now))
        self.jobs.append(job)
        return job

    def claim(self, request: ClaimRequest, now: datetime, at: float = 0.0) -> list[FairJob]:
        """Hand out jobs; return them in the order of their starts. `at` is a monotonic clock."""
        taken: list[FairJob] = []
        free = request.limit if request.free is None else request.free
        self._serve(request, request.tenants, request.limit, free, taken, now, at)
        if request.tenants is not None and request.steal is not None:
            most = min(free, request.limit)
            self._serve(request, request.steal, most, free, taken, now, at)
        return taken

    def _serve(
        self, request: ClaimRequest, tenants: Tenants | None, most: int, free: int,
        taken: list[FairJob], now: datetime, at: float,
    ) -> None:  # fmt: skip
        worker = self.worker(request.worker_id)
        slots = request.limit if request.slots is None else request.slots
        while (wanted := most - len(taken)) > 0:
            lanes = self._window(request, tenants, max(WINDOW, wanted), len(taken) < free, now)
            places = worker.accounts.plan(lanes, wanted, slots, self.rules.weight_of, at)
            found = [
                job
                for place in places
                if (job := self._take(lanes[place], request.worker_id, taken, free, now))
            ]
            worker.accounts.charge(
                [Handed(job.seq, job.spec.tenant, job.spec.task, job.spec.band) for job in found],
                self.rules.weight_of,
            )
            if not found:
                return

    def _take(
        self, lane: Lane, worker_id: str, taken: list[FairJob], free: int, now: datetime
    ) -> FairJob | None:
        job = self.first(lane, len(taken) < free, now)
        if job is None:
            return None
        self.start(job, worker_id, now)
        worker = self.worker(worker_id)
        worker.last_queue = lane.queue
        worker.last_tenants[lane.queue, lane.band] = lane.tenant
        taken.append(job)
        return job

    def start(self, job: FairJob, worker_id: str, now: datetime) -> None:
        """Hand a job out, and count its start under all its limits."""
        job.worker = worker_id
        for key, _, rate in self._limits(job):
            self.starts.setdefault(key, []).append(now)
            if rate is not None:
                self._next_at[key] = rate.spend(self._next_at.get(key), now, 1)

    def first(self, lane: Lane, is_free: bool, now: datetime) -> FairJob | None:
        """Return the first job of a lane that may start, None where none may."""
        waiting = [job for job in self.jobs if job.is_ready and job.lane == lane]
        may = [job for job in waiting if self._may_start(job, is_free, now)]
        return min(may, key=lambda job: (job.rank, job.seq), default=None)

    def _may_start(self, job: FairJob, is_free: bool, now: datetime) -> bool:
        spec = job.spec
        if self.rules.is_paused(spec.queue, spec.tenant):
            return False
        limits = self._limits(job)
        return (is_free or not limits) and all(self.opens_in(each, now) == 0 for each in limits)

    def opens_in(self, limit: Limit, now: datetime) -> float | None:
        """Return the seconds until one more may start, None where a job must end first."""
        key, most, rate = limit
        if most is not None and self.running()[key] >= most:
            return None
        return 0.0 if rate is None else rate.opens_in(self._next_at.get(key), now)

    def running(self) -> Counter[str]:
        """Return how many jobs run under each key."""
        return Counter(key for job in self.jobs if job.worker is not None for key in job.keys)

    def _limits(self, job: FairJob) -> tuple[Limit, ...]:
        return self.rules.limits_of(job.spec.queue, job.spec.tenant, job.spec.gate)

    def _window(
        self, request: ClaimRequest, tenants: Tenants | None, most: int, is_free: bool,
        now: datetime,
    ) -> list[Lane]:  # fmt: skip
        lanes = list(self.lanes(request, tenants))
        open_lanes = [lane for lane in lanes if self.first(lane, is_free, now) is not None]
        critical = [lane for lane in open_lanes if lane.band == 0]
        return critical[:most] + [lane for lane in open_lanes if lane.band][:most]

    def lanes(self, request: ClaimRequest, tenants: Tenants | None) -> Iterator[Lane]:
        """Return the lanes that a worker serves: its queues in turn, and their tenants in turn."""
        worker = self.worker(request.worker_id)

        def place(lane: Lane) -> tuple[object, ...]:
            last = worker.last_tenants.get((lane.queue, lane.band), LAST)
            return (
                lane.band,
                (lane.queue <= worker.last_queue, lane.queue),
                (lane.tenant <= last, lane.tenant),
            )

        for lane in sorted({job.lane for job in self.jobs if job.is_ready}, key=place):
            is_asked_for = request.queues is None or lane.queue in request.queues
            is_served = tenants is None or lane.tenant in tenants
            if is_asked_for and is_served and lane.queue not in request.excluded_queues:
                yield lane

    def worker(self, worker_id: str) -> FairWorker:
        """Return where a worker stands."""
        return self._workers.setdefault(worker_id, FairWorker(Accounts(self._share)))

    def finish(self, job: FairJob, seconds: float | None, *, is_over: bool) -> None:
        """Take a job out of its worker's hand; `seconds` is None where it never started."""
        assert job.worker is not None
        self.worker(job.worker).accounts.settle(job.seq, seconds)
        job.worker = None
        job.has_ended = is_over

    def most_started(self, key: str, period: float) -> int:
        """Return how many starts under a key the fullest window of so many seconds has seen."""
        starts, length = self.starts.get(key, []), timedelta(seconds=period)
        return max((sum(at <= other < at + length for other in starts) for at in starts), default=0)
