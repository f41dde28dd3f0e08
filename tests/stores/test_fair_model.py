"""The stores against the model of fair claims and limits, in stories that Hypothesis makes up."""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.fairness import Accounts
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.limits import gate_of, task_key
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.rate import read_rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores import vectors
from tests.stores.fair_judge import Judge, in_hand
from tests.stores.fair_model import FairJob, FairModel
from tests.stores.jobs import outcome
from tests.stores.places import DatabasePlace, MemoryPlace, Place, RedisPlace, parameter
from tests.stores.telling import ModelTeller, Telling

START = datetime(2026, 1, 1, tzinfo=UTC)
SHARE = 0.5
TENANTS = ("", "a", "b", "é")
QUEUES = ("p", "q")
# The limits of tasks, as they are written.
TASKS: dict[str, tuple[int | None, str | None]] = {
    "free": (None, None),
    "capped": (2, None),
    "rated": (None, "10/s"),
    "both": (1, "120/m"),
}
TENANT_RULES = (
    TenantRule(),
    TenantRule(),
    TenantRule(weight=3),
    TenantRule(is_paused=True),
    TenantRule(max_running=1),
    TenantRule(max_running=3, rate=read_rate("5/s")),
)
QUEUE_RULES = (QueueRule(), QueueRule(), QueueRule(is_paused=True), QueueRule(max_running=2))
OWN = (
    (None, None),
    (None, None),
    (Tenants(["a", "é"]), None),
    (Tenants(["a", "x"]), Tenants(["a", "x"], is_rest=True)),
    (Tenants(["b"]), Tenants(["", "é"])),
)


class FairStory(RuleBasedStateMachine):
    """Drives one store and the model; `place` is set by the test."""

    place: Place
    share: float | None
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock(START)
        self.store = self.place.open(self.clock, tenant_share=self.share)
        self.model = FairModel(self.share)
        self.jobs: dict[str, FairJob] = {}
        self.tenants: dict[str, TenantRule] = {}
        self.queues: dict[str, QueueRule] = {}

    def teardown(self) -> None:
        self.place.rule(self.store, Rules())
        self.store.close()

    @rule(
        count=st.integers(1, 5),
        tenant=st.sampled_from(TENANTS),
        queue=st.sampled_from(QUEUES),
        priority=st.sampled_from([0, 0, 0, 5, -5, 100]),
        task=st.sampled_from(["free", *TASKS]),
    )
    def insert(self, count: int, tenant: str, queue: str, priority: int, task: str) -> None:
        gate = gate_of(task, *TASKS[task])
        specs = [
            JobSpec(new_id(), task, queue=queue, tenant=tenant, priority=priority, gate=gate)
            for _ in range(count)
        ]
        self.store.insert(specs)
        for spec in specs:
            self.jobs[spec.id] = self.model.insert(spec, self.clock.at)

    @rule(
        target=held,
        worker=st.sampled_from(["w1", "w2"]),
        limit=st.integers(1, 8),
        free=st.none() | st.integers(0, 4),
        queues=st.sampled_from([None, None, ("q",), ("q", "p", "x")]),
        served=st.sampled_from(OWN),
    )
    def claim(
        self,
        worker: str,
        limit: int,
        free: int | None,
        queues: tuple[str, ...] | None,
        served: tuple[Tenants | None, Tenants | None],
    ) -> object:
        own, steal = served
        request = ClaimRequest(worker, limit, queues, free=free, slots=4, tenants=own, steal=steal)
        if self.place.is_exact:
            expected = self.model.claim(request, self.clock.at, monotonic())
            claims = self.store.claim(request)
            assert told(self.jobs_of(claims)) == told(expected)
            return multiple(*claims)
        accounts = deepcopy(accounts_of(self.store, worker))
        claims = self.store.claim(request)
        Judge(self.model, accounts, request, self.clock.at).check(self.jobs_of(claims))
        assert held_by(accounts_of(self.store, worker)) == in_hand(self.model, worker)
        return multiple(*claims)

    @rule(
        claimed=consumes(held),
        verdict=st.sampled_from([Verdict.SUCCEEDED, Verdict.SUCCEEDED, *Verdict]),
        seconds=st.sampled_from([0.0, 0.001, 0.01, 0.3]),
    )
    def finish(self, claimed: Claim, verdict: Verdict, seconds: float) -> None:
        ended = outcome(
            claimed, verdict, finished_at=claimed.claimed_at + timedelta(seconds=seconds)
        )
        if verdict is Verdict.RELEASED:
            ended = outcome(claimed, verdict, started_at=None)
        (state,) = self.store.finish(claimed.worker_id, [ended])
        ran = None if verdict is Verdict.RELEASED else seconds
        self.model.finish(self.jobs[claimed.id], ran, is_over=state != State.READY)

    @rule(tenant=st.sampled_from(TENANTS), said=st.sampled_from(TENANT_RULES))
    def say_of_tenant(self, tenant: str, said: TenantRule) -> None:
        self.tenants[tenant] = said
        self.say()

    @rule(queue=st.sampled_from(QUEUES), said=st.sampled_from(QUEUE_RULES))
    def say_of_queue(self, queue: str, said: QueueRule) -> None:
        self.queues[queue] = said
        self.say()

    def say(self) -> None:
        """Have the store and the model know what operators say."""
        self.model.rules = Rules(dict(self.tenants), dict(self.queues))
        self.place.rule(self.store, self.model.rules)

    @rule(seconds=st.sampled_from([0.05, 0.084, 0.104, 0.5, 2.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.move(seconds)

    def jobs_of(self, claims: list[Claim]) -> list[FairJob]:
        """Return the model's jobs of claims."""
        return [self.jobs[claimed.id] for claimed in claims]

    @invariant()
    def runs_what_the_model_runs(self) -> None:
        running = {job.id for job in self.store.find(JobFilter(state=State.RUNNING, limit=999))}
        assert running == {job.spec.id for job in self.model.jobs if job.worker is not None}

    @invariant()
    def keeps_to_the_limits(self) -> None:
        running = self.model.running()
        for task, (most, rate) in TASKS.items():
            key = task_key(task)
            assert most is None or running[key] <= most
            if rate is not None:
                starts, period = read_rate(rate)
                assert self.model.most_started(key, period) <= starts


def accounts_of(store: Any, worker_id: str) -> Accounts:
    """Return the accounts of a worker in a durable store."""
    accounts: Accounts = store._claims.books.of(worker_id)._accounts
    return accounts


def held_by(accounts: Accounts) -> Counter[str]:
    """Return how many jobs of each tenant a worker holds by its accounts."""
    return Counter({tenant: accounts.held(tenant) for tenant in TENANTS if accounts.held(tenant)})


def told(jobs: list[FairJob]) -> list[str]:
    """Return jobs as a reader of a failure wants them."""
    return [
        f"{job.seq}: {job.spec.tenant!r} {job.spec.queue} {job.spec.priority} {job.spec.task}"
        for job in jobs
    ]


# Ways to be wrong about what was asked, or about what operators say.
BROKEN: dict[str, Callable[[ClaimRequest], ClaimRequest]] = {
    "claims ahead what is bounded": lambda asked: asked._replace(free=None),
    "serves queues that it was not asked for": lambda asked: asked._replace(queues=None),
    "serves tenants of others first": lambda asked: asked._replace(tenants=None),
    "never steals": lambda asked: asked._replace(steal=None),
    "hands out less than there is": lambda asked: asked._replace(limit=asked.limit - 1 or 1),
    "mixes the accounts of workers": lambda asked: asked._replace(worker_id="w1"),
}


class BrokenPlace(MemoryPlace):
    """Stores that misread what they are asked."""

    def __init__(self, misread: Callable[[ClaimRequest], ClaimRequest]) -> None:
        super().__init__()
        self._misread = misread

    def open(self, clock: FrozenClock | None = None, **options: Any) -> Store:
        """Return a new store under an alias of its own."""
        store: Any = super().open(clock, **options)
        claim = store.claim
        store.claim = lambda asked: claim(self._misread(asked))
        opened: Store = store
        return opened


def examples_of(place: Place, examples: int) -> list[Any]:
    """Return a place as a parameter, with how many stories are told to it."""
    known = parameter(place)
    return [pytest.param(place, examples, id=place.name, marks=known.marks)]


@pytest.mark.parametrize("share", [None, SHARE])
@pytest.mark.parametrize(
    ("place", "examples"),
    [*examples_of(MemoryPlace(), 80), *examples_of(RedisPlace("default"), 15)],
)
def test_a_store_and_the_model_hand_out_the_same_jobs(
    place: Place, examples: int, share: float | None
) -> None:
    run(place, share, settings(max_examples=examples, stateful_step_count=40))


@pytest.mark.parametrize(
    ("place", "examples"),
    [*examples_of(DatabasePlace("default"), 15), *examples_of(DatabasePlace("postgresql"), 10)],
)
def test_a_durable_store_hands_out_what_the_model_allows(place: Place, examples: int) -> None:
    # The same stories each time: new ones are told by whoever raises the number.
    run(
        place,
        None,
        settings(max_examples=examples, stateful_step_count=40, derandomize=True, database=None),
    )


@pytest.mark.parametrize("broken", BROKEN)
def test_the_model_finds_a_store_out_that_breaks_a_rule(broken: str) -> None:
    with pytest.raises(AssertionError):
        run(
            BrokenPlace(BROKEN[broken]),
            None,
            settings(
                max_examples=300, stateful_step_count=40, database=None, phases=[Phase.generate]
            ),
        )


@pytest.mark.parametrize("subject", vectors.SUBJECTS)
def test_the_model_tells_every_story_as_it_is_written(subject: str) -> None:
    for story in vectors.SUBJECTS[subject]:
        Telling(ModelTeller(story)).tell(story.steps)


def run(place: Place, share: float | None, chosen: settings) -> None:
    """Tell stories to stores of a place until one goes wrong or enough have gone well."""
    machine = type("FairStory", (FairStory,), {"place": place, "share": share})
    run_state_machine_as_test(
        machine, settings=settings(chosen, suppress_health_check=list(HealthCheck))
    )
