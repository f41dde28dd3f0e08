"""Random stories of jobs, told to a store and to the model side by side."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import claim, failure, insert, join, lose, outcome, retry, success
from tests.stores.model import Model
from tests.stores.places import DatabasePlace, MemoryPlace, Place, RedisPlace, parameter

SOLO = "solo"
WORKERS = ("w1", "w2", SOLO)
MAX_LOST = 2
START = datetime(2026, 1, 1, tzinfo=UTC)


def released(claimed: Claim) -> Outcome:
    """Return the outcome of a claim given back."""
    return outcome(claimed, Verdict.RELEASED, started_at=None)


ENDS = (success, failure, retry, lambda claimed: retry(claimed, delay=7), released)


class Story(RuleBasedStateMachine):
    """Drives one store; `place` is set by the test."""

    place: Place
    ids = Bundle("ids")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock(START)
        self.store = self.place.open(self.clock, max_lost=MAX_LOST)
        self.model = Model(self.place.sets_apart, MAX_LOST, SOLO)
        join(self.store, SOLO, is_solo=True)

    def teardown(self) -> None:
        self.store.close()

    @rule(
        target=ids,
        tenant=st.sampled_from(["", "a", "b"]),
        priority=st.sampled_from([0, 0, 5, -5, 100]),
        delay=st.sampled_from([None, None, None, 3, 10]),
    )
    def insert(self, tenant: str, priority: int, delay: int | None) -> str:
        due_at = None if delay is None else self.clock.at + timedelta(seconds=delay)
        id = insert(self.store, tenant=tenant, priority=priority, run_after=due_at)
        self.model.insert(id, tenant, priority, due_at)
        return id

    @rule(target=claims, worker=st.sampled_from(WORKERS), limit=st.integers(1, 6))
    def claim(self, worker: str, limit: int) -> object:
        claims = claim(self.store, limit, worker)
        self.model.check_claims(claims, limit)
        return multiple(*claims)

    @rule(target=claims, worker=st.sampled_from(WORKERS), limit=st.integers(1, 3))
    def claim_suspects(self, worker: str, limit: int) -> object:
        claims = claim(self.store, limit, worker, suspects=True)
        self.model.check_suspects(claims, limit)
        return multiple(*claims)

    @rule(claimed=claims, was_alone=st.booleans())
    def lose(self, claimed: Claim, was_alone: bool) -> None:
        expected = self.model.lose(claimed, was_alone)
        assert lose(self.store, claimed, was_alone=was_alone) == [expected]

    @rule(claimed=claims, end=st.sampled_from(ENDS))
    def finish(self, claimed: Claim, end: object) -> None:
        ended: Outcome = end(claimed)  # type: ignore[operator]
        expected = self.model.finish(claimed, ended, self.clock.at)
        assert self.store.finish(claimed.worker_id, [ended]) == [expected]

    @rule(batch=st.lists(claims, max_size=4), end=st.sampled_from(ENDS), data=st.data())
    def finish_many(self, batch: list[Claim], end: object, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(WORKERS))
        mine = [claimed for claimed in batch if claimed.worker_id == worker]
        outcomes: list[Outcome] = [end(claimed) for claimed in mine]  # type: ignore[operator]
        expected = [
            self.model.finish(claimed, ended, self.clock.at)
            for claimed, ended in zip(mine, outcomes, strict=True)
        ]
        assert self.store.finish(worker, outcomes) == expected

    @rule(claimed=claims)
    def release(self, claimed: Claim) -> None:
        expected = self.model.finish(claimed, released(claimed), self.clock.at)
        fence = Fence(claimed.seq, claimed.attempt)
        assert self.store.release(claimed.worker_id, [fence]) == (expected is not None)

    @rule(id=ids)
    def cancel(self, id: str) -> None:
        self.model.cancel(id)
        self.store.cancel([id])

    @rule(id=ids)
    def retry(self, id: str) -> None:
        self.model.retry(id)
        self.store.retry([id])

    @rule(id=ids)
    def run_now(self, id: str) -> None:
        self.model.run_now(id)
        self.store.run_now([id])

    @rule(id=ids, priority=st.sampled_from([0, 5, -5, 100]))
    def amend(self, id: str, priority: int) -> None:
        (change,) = self.store.amend([id], Amendment(priority=priority))
        assert change.is_amended == self.model.amend(id, priority)

    @rule(seconds=st.integers(0, 8))
    def promote(self, seconds: int) -> None:
        self.clock.move(seconds)
        assert self.store.promote(100).count == self.model.promote(self.clock.at)

    @invariant()
    def agrees(self) -> None:
        ids = list(self.model.jobs)
        for job in self.store.get(ids):
            assert self.model.jobs[job.id].agrees(job), (job, self.model.jobs[job.id])
        apart = any(job.is_suspect for job in self.model.jobs.values())
        assert self.store.has_suspects() == apart


@pytest.mark.parametrize(
    ("place", "examples"),
    [
        pytest.param(
            *parameter(place).values, examples, id=place.name, marks=parameter(place).marks
        )
        for place, examples in (
            (MemoryPlace(), 150),
            (DatabasePlace("default"), 25),
            (RedisPlace("default"), 25),
        )
    ],
)
def test_a_store_and_the_model_tell_the_same_story(place: Place, examples: int) -> None:
    machine = type("Story", (Story,), {"place": place})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
