"""Tells a story to a store, and to the model of one."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Protocol

from django_taskq.jobs.claim import Claim as Claimed
from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.rate import read_rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.fair_model import FairJob, FairModel
from tests.stores.jobs import outcome
from tests.stores.places import Place
from tests.stores.stories import (
    Claim,
    Finish,
    Insert,
    OpensIn,
    Pass,
    QueueRow,
    Release,
    Retry,
    Step,
    Story,
    TenantRow,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
# Half of the slack of a rate by the second.
SPREAD = 0.01


class Teller(Protocol):
    """What a story is told to."""

    def insert(self, specs: list[JobSpec]) -> None:
        """Store jobs."""

    def claim(self, request: ClaimRequest) -> list[str]:
        """Return the ids of the jobs that are handed out."""

    def end(self, id: str, verdict: Verdict, seconds: float) -> None:
        """End the attempt of a job after it ran so long."""

    def rule(self, rules: Rules) -> None:
        """Have all that operators say hold from now on."""

    def move(self, seconds: float) -> None:
        """Put the clock forward."""

    def opens_in(self, worker: str) -> float | None:
        """Return when to come back."""


class StoreTeller:
    """Tells stories to a store."""

    def __init__(self, place: Place, story: Story) -> None:
        self.place = place
        self.clock = FrozenClock(START)
        self.store: Store = place.open(
            self.clock, tenant_share=story.tenant_share, priority_aging=story.priority_aging
        )
        self._claims: dict[str, Claimed] = {}

    def insert(self, specs: list[JobSpec]) -> None:
        """Store jobs."""
        self.store.insert(specs)

    def claim(self, request: ClaimRequest) -> list[str]:
        """Return the ids of the jobs that are handed out."""
        claims = self.store.claim(request)
        self._claims |= {claimed.id: claimed for claimed in claims}
        return [claimed.id for claimed in claims]

    def end(self, id: str, verdict: Verdict, seconds: float) -> None:
        """End the attempt of a job after it ran so long."""
        claimed = self._claims[id]
        if verdict is Verdict.RELEASED:
            fence = Fence(claimed.seq, claimed.attempt)
            assert self.store.release(claimed.worker_id, [fence]) == 1
            return
        finished_at = claimed.claimed_at + timedelta(seconds=seconds)
        ended = outcome(claimed, verdict, finished_at=finished_at)
        assert self.store.finish(claimed.worker_id, [ended]) != [None]

    def rule(self, rules: Rules) -> None:
        """Have all that operators say hold from now on."""
        self.place.rule(self.store, rules)

    def move(self, seconds: float) -> None:
        """Put the clock forward."""
        self.clock.move(seconds)

    def opens_in(self, worker: str) -> float | None:
        """Return when to come back."""
        return self.store.opens_in(worker)


class ModelTeller:
    """Tells stories to the model."""

    def __init__(self, story: Story) -> None:
        self.model = FairModel(story.tenant_share, story.priority_aging)
        self.now = START
        self._jobs: dict[str, FairJob] = {}

    def insert(self, specs: list[JobSpec]) -> None:
        """Store jobs."""
        for spec in specs:
            self._jobs[spec.id] = self.model.insert(spec, self.now)

    def claim(self, request: ClaimRequest) -> list[str]:
        """Return the ids of the jobs that are handed out."""
        return [job.spec.id for job in self.model.claim(request, self.now)]

    def end(self, id: str, verdict: Verdict, seconds: float) -> None:
        """End the attempt of a job after it ran so long."""
        ran = None if verdict is Verdict.RELEASED else seconds
        self.model.finish(self._jobs[id], ran, is_over=verdict is Verdict.SUCCEEDED)

    def rule(self, rules: Rules) -> None:
        """Have all that operators say hold from now on."""
        self.model.rules = rules

    def move(self, seconds: float) -> None:
        """Put the clock forward."""
        self.now += timedelta(seconds=seconds)


class Telling:
    """A story under way: who is meant by a name."""

    def __init__(self, teller: Teller | ModelTeller) -> None:
        self.teller = teller
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._tenants: dict[str, TenantRule] = {}
        self._queues: dict[str, QueueRule] = {}

    def tell(self, steps: tuple[Step, ...]) -> None:
        """Take step after step, and check every claim."""
        for number, step in enumerate(steps, 1):
            self._take(step, f"Step {number}: {step}")

    def _take(self, step: Step, told: str) -> None:
        match step:
            case Insert():
                self._insert(step)
            case Claim():
                ids = self.teller.claim(request_of(step))
                got = " ".join(self._names[id] for id in ids)
                assert got == step.expected, f"{told} handed out {got!r}."
            case Finish():
                self._end(step.names, Verdict.SUCCEEDED, step.seconds)
            case Retry():
                self._end(step.names, Verdict.RETRY, step.seconds)
            case Release():
                self._end(step.names, Verdict.RELEASED, 0.0)
            case TenantRow() | QueueRow():
                self._rule(step)
            case Pass():
                self.teller.move(step.seconds)
            case OpensIn():
                self._check_opening(step, told)

    def _insert(self, step: Insert) -> None:
        label = step.tenant if step.label is None else step.label
        gate = gate_of(step.task, step.max_running, step.max_rate)
        specs = []
        for _ in range(step.count):
            self._counts[label] += 1
            spec = JobSpec(
                new_id(), step.task, queue=step.queue, tenant=step.tenant,
                priority=step.priority, gate=gate,
            )  # fmt: skip
            self._ids[f"{label}{self._counts[label]}"] = spec.id
            self._names[spec.id] = f"{label}{self._counts[label]}"
            specs.append(spec)
        self.teller.insert(specs)

    def _end(self, names: str, verdict: Verdict, seconds: float) -> None:
        for name in names.split():
            self.teller.end(self._ids[name], verdict, seconds)

    def _rule(self, step: TenantRow | QueueRow) -> None:
        if isinstance(step, TenantRow):
            rate = None if step.max_rate is None else read_rate(step.max_rate)
            self._tenants[step.name] = TenantRule(
                step.weight, step.max_running, rate, step.is_paused
            )
        else:
            self._queues[step.name] = QueueRule(step.max_running, step.is_paused)
        self.teller.rule(Rules(dict(self._tenants), dict(self._queues)))

    def _check_opening(self, step: OpensIn, told: str) -> None:
        if isinstance(self.teller, ModelTeller):
            # The model is asked, not told: when to come back is the stores' own.
            return
        opens_in = self.teller.opens_in(step.worker)
        if step.seconds is None:
            assert opens_in is None, told
        else:
            # The clock that a worker sleeps by goes on, and not all are to come back at once.
            assert opens_in is not None, told
            assert step.seconds - 1 < opens_in <= step.seconds + SPREAD, told


def request_of(step: Claim) -> ClaimRequest:
    """Return what a worker asks for."""
    own = None if step.own is None else Tenants(step.own)
    steal = None
    if step.steal == ("*",):
        assert step.own is not None
        steal = Tenants(step.own, is_rest=True)
    elif step.steal is not None:
        steal = Tenants(step.steal)
    return ClaimRequest(
        step.worker, step.limit, step.queues, frozenset(step.excluded), free=step.free,
        slots=step.slots, tenants=own, steal=steal,
    )  # fmt: skip
