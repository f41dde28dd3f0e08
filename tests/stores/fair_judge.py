"""Judges what a claim has handed out, where more than one answer is right.

Tenants that stand equal may be served in any order, and a claim may look for more as often as
it likes. All the rest is as in the model.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fairness import LEAD, ONE_IN, Accounts
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.spec import Band
from django_taskq.jobs.tenants import Tenants
from tests.stores.fair_model import FairJob, FairModel

# What adding up in another order may change.
NOTHING = 1e-9
# Plans of a batch count on critical jobs that turn out not to be there.
MOST_EARLY = 2


class Judge:
    """Checks one claim, job by job, and hands the jobs out in the model.

    `accounts` are the store's own as they stood before: whom it serves first it has to tell by
    these, and whether they are right the stories tell.
    """

    def __init__(
        self, model: FairModel, accounts: Accounts, request: ClaimRequest, now: datetime
    ) -> None:
        self._model = model
        self._accounts = accounts
        self._request = request
        self._now = now
        self._free = request.limit if request.free is None else request.free
        self._taken: list[FairJob] = []
        self._charged: dict[str, tuple[float, float]] = {}
        self._critical_run = accounts._critical_run
        self._early = 0

    def check(self, jobs: list[FairJob]) -> None:
        """Check that these may be handed out, in this order, and that nothing was left behind."""
        assert len(jobs) <= self._request.limit
        for job in jobs:
            self._check(job)
            self._take(job)
        if len(jobs) < self._request.limit:
            left = {lane: self._first(lane) for lane in self._open_lanes()}
            assert not left, f"Left behind: {left}"

    def _check(self, job: FairJob) -> None:
        lanes = list(self._open_lanes())
        assert job.lane in lanes, f"{job} may not start."
        assert job is self._first(job.lane), f"{job} is not the first of its lane."
        bands = [
            [lane for lane in lanes if lane.band == band] for band in (Band.CRITICAL, Band.REGULAR)
        ]
        self._check_band(job, *bands)
        others = [self._high(lane.tenant) for lane in bands[job.lane.band]]
        assert self._low(job.spec.tenant) <= min(others) + NOTHING, f"It is not {job}'s turn."

    def _check_band(self, job: FairJob, critical: list[Lane], rest: list[Lane]) -> None:
        if not critical or not rest:
            return
        first = [(self._low(lane.tenant), self._high(lane.tenant)) for lane in critical]
        other = [(self._low(lane.tenant), self._high(lane.tenant)) for lane in rest]
        if job.lane.band == Band.CRITICAL:
            assert self._critical_run < ONE_IN - 1, "The rest gets one in sixteen."
            latest = min(high for _, high in other) + LEAD + NOTHING
            assert min(low for low, _ in first) <= latest, "Ahead by more than the lead."
        elif min(high for _, high in first) <= min(low for low, _ in other) + LEAD - NOTHING:
            self._early += self._critical_run < ONE_IN - 1
            assert self._early <= MOST_EARLY, "Critical work comes first."

    def _take(self, job: FairJob) -> None:
        tenant, weight = job.spec.tenant, self._model.rules.weight_of(job.spec.tenant)
        costs = [self._accounts.cost(tenant)]
        costs.append(self._accounts._task_means.get(job.spec.task) or costs[0])
        low, high = self._charged.get(tenant, (0.0, 0.0))
        self._charged[tenant] = (low + min(costs) / weight, high + max(costs) / weight)
        is_critical = job.lane.band == Band.CRITICAL
        self._critical_run = self._critical_run + 1 if is_critical else 0
        self._model.start(job, self._request.worker_id, self._now)
        self._taken.append(job)

    def _open_lanes(self) -> Iterator[Lane]:
        """Return the lanes that the worker may take from now."""
        own, steal = self._request.tenants, self._request.steal
        lanes = list(self._lanes(own))
        may_steal = own is not None and len(self._taken) < self._free
        if not lanes and may_steal and steal is not None:
            lanes = list(self._lanes(steal))
        return iter(lanes)

    def _lanes(self, tenants: Tenants | None) -> Iterator[Lane]:
        for lane in self._model.lanes(self._request, tenants):
            if self._first(lane) is not None:
                yield lane

    def _first(self, lane: Lane) -> FairJob | None:
        return self._model.first(lane, len(self._taken) < self._free, self._now)

    def _low(self, tenant: str) -> float:
        return self._accounts.account(tenant) + self._charged.get(tenant, (0.0, 0.0))[0]

    def _high(self, tenant: str) -> float:
        return self._accounts.account(tenant) + self._charged.get(tenant, (0.0, 0.0))[1]


def in_hand(model: FairModel, worker_id: str) -> Counter[str]:
    """Return how many jobs of each tenant a worker holds."""
    return Counter(job.spec.tenant for job in model.jobs if job.worker == worker_id)
