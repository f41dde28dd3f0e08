"""Finishes, claims, new epochs, refills and sweeps meet in every order, and no job is lost."""

import contextlib
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.epochs import EpochLost
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import LeaseLost
from django_taskq.stores.durable import sweep as sweeping
from tests.lifecycle.soaking import soak_seconds
from tests.stores.durable.losses import flush, keys_of, let_turn_expire, name, sweep_all
from tests.stores.jobs import claim, finish, join, outcome, record, retry, spec, success
from tests.stores.places import DurablePlace, redis_client

EXAMPLES = 12
STEPS = 30
PROCESSES = 3
PLACE = DurablePlace("postgresql")

a_process = st.integers(0, PROCESSES - 1)
a_number = st.integers(0, 1000)


class Losing(RuleBasedStateMachine):
    """Some processes that share an alias, stepped by hand, and a Redis that forgets."""

    def __init__(self) -> None:
        super().__init__()
        first: Any = PLACE.open()
        self.stores = [first, *(PLACE.open(alias=first.alias) for _ in range(PROCESSES - 1))]
        self.ids: list[str] = []
        self.held: list[tuple[int, str, Claim]] = []
        self.handed: Counter[tuple[int, int]] = Counter()
        self.accepted: Counter[str] = Counter()
        self.joined = 0
        self.workers = [self._new_worker(n) for n in range(PROCESSES)]
        self.snapshot: dict[bytes, bytes] = {}

    def _new_worker(self, n: int) -> str:
        self.joined += 1
        worker_id = f"host:{self.joined}:{n}"
        join(self.stores[n], worker_id)
        return worker_id

    # What processes do.

    @rule(n=a_process, count=st.integers(1, 3))
    def insert(self, n: int, count: int) -> None:
        self.ids += [item.id for item in self.stores[n].insert([spec() for _ in range(count)])]

    @rule(n=a_process)
    def insert_and_die(self, n: int) -> None:
        self.ids += [item.id for item in self.stores[n].rows.insert([spec()])]

    @rule(n=a_process, limit=st.integers(1, 3))
    def claim(self, n: int, limit: int) -> None:
        self._claim(n, limit)

    def _claim(self, n: int, limit: int) -> int:
        try:
            claims = claim(self.stores[n], limit, self.workers[n])
        except LeaseLost:
            assert not self.stores[n].heartbeat(self.workers[n]).is_alive
            try:
                self.workers[n] = self._new_worker(n)
            except EpochLost:
                return 0
            return -1
        except EpochLost:
            return 0
        for claimed in claims:
            self.handed[claimed.seq, claimed.attempt] += 1
            self.held.append((n, self.workers[n], claimed))
        return len(claims)

    @precondition(lambda self: self.held)
    @rule(which=a_number, how=st.sampled_from(["succeed", "succeed", "retry", "release"]))
    def end(self, which: int, how: str) -> None:
        n, worker_id, claimed = self.held.pop(which % len(self.held))
        told = {
            "succeed": success(claimed),
            "retry": retry(claimed),
            "release": outcome(claimed, Verdict.RELEASED, started_at=None),
        }[how]
        (state,) = finish(self.stores[n], told, worker=worker_id)
        if state is State.SUCCESSFUL:
            self.accepted[claimed.id] += 1

    @rule(n=a_process)
    def sweep(self, n: int) -> None:
        with contextlib.suppress(EpochLost):
            self.stores[n].sweep()

    @rule(n=a_process)
    def sweep_some_seconds_later(self, n: int) -> None:
        self.stores[n]._sweep._look_at = 0.0
        self.sweep(n)

    @rule(n=a_process)
    def look(self, n: int) -> None:
        """Have a process find out by another verb than a claim."""
        with contextlib.suppress(EpochLost):
            self.stores[n].promote(10)

    @rule(n=a_process, steps=st.integers(0, 3))
    def begin_an_epoch_and_die(self, n: int, steps: int) -> None:
        store = self.stores[n]
        ground, numbers = store.line.epochs, store.rows.epochs
        seen, number = ground.look(), numbers.read()
        if seen.has_begun or not ground.begin(number + 1, seen):
            return
        if steps > 0:
            numbers.replace(number, number + 1)
        if steps > 1:
            ground.empty(number + 1)
        if steps > 2:
            ground.open(number + 1)

    # What happens to Redis.

    @rule()
    def flush(self) -> None:
        flush(self.stores[0])

    @rule(chance=a_number)
    def evict_a_key(self, chance: int) -> None:
        keys = sorted(keys_of(self.stores[0]))
        if keys:
            redis_client().delete(random.Random(chance).choice(keys))

    @rule()
    def let_what_expires_expire(self) -> None:
        epoch = name(self.stores[0], "epoch")
        if redis_client().pttl(epoch) > 0:
            redis_client().delete(epoch)
        let_turn_expire(self.stores[0])

    @rule()
    def replicate(self) -> None:
        self.snapshot = {key: redis_client().dump(key) for key in keys_of(self.stores[0])}

    @rule()
    def fail_over(self) -> None:
        """Go on with what a replica has that heard of nothing since."""
        flush(self.stores[0])
        for key, dumped in self.snapshot.items():
            if dumped is not None:
                redis_client().restore(key, 0, dumped, replace=True)
        for copy in ("", ":1", ":2", ":3"):
            # Only its server is another one.
            key = name(self.stores[0], "epoch") + copy
            kept = redis_client().get(key)
            if kept is not None:
                redis_client().set(key, kept.partition(b":")[0] + b":" + b"a" * 40)

    # What must be true.

    def teardown(self) -> None:
        self.let_what_expires_expire()
        while self.held:
            self.end(0, "succeed")
        for _ in range(20):
            self.let_what_expires_expire()
            for n in range(PROCESSES):
                self.look(n)
            sweep_all(self.stores[0])
            while self._claim(1, 50):
                while self.held:
                    self.end(0, "succeed")
            if all(record(self.stores[0], id).is_ended for id in self.ids):
                break
        for store in self.stores:
            store.close()
        left = [id for id in self.ids if record(self.stores[0], id).state != State.SUCCESSFUL]
        assert left == []
        assert self.accepted == Counter(self.ids)
        assert [fence for fence, times in self.handed.items() if times > 1] == []


def run(examples: int, steps: int) -> None:
    """Tell stories until one does not end well."""
    run_state_machine_as_test(
        Losing,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db(transaction=True, databases=["postgresql"])
def test_no_job_is_lost_and_none_ends_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 2)
    run(EXAMPLES, STEPS)


@pytest.mark.soak
@pytest.mark.django_db(transaction=True, databases=["postgresql"])
def test_no_job_is_lost_in_long_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 2)
    run(int(soak_seconds() * 2), 80)
