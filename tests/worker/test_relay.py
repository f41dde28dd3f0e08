"""Steps that are handed to the worker whose finish has freed them."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import OperationalError

from django_taskq import chain
from django_taskq.control import store_of
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.relay import Relayed
from django_taskq.jobs.states import State
from django_taskq.pipelines import PipelineRun
from django_taskq.worker.relay import LOOK_WITHIN, Relay
from tests.deadlines import wait_until
from tests.pipelines import steps
from tests.worker import tasks
from tests.worker.claims import claim_of
from tests.worker.conftest import StartWorker

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])

LONGEST = 30.0


@pytest.fixture(params=["default", "postgresql"])
def alias(request: pytest.FixtureRequest) -> str:
    return request.param


def chain_of(alias: str, count: int) -> PipelineRun:
    """Enqueue steps that remember their place in a chain."""
    return chain([tasks.remember.s(n) for n in range(count)]).enqueue(backend=alias)


def test_a_chain_is_claimed_once_and_then_handed_on(
    alias: str, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, claimed = store_of(alias), []

    def claim(*args: Any) -> list[Claim]:
        claims = type(store).claim(store, *args)
        claimed.extend(claims)
        return claims

    monkeypatch.setattr(store, "claim", claim)
    run = chain_of(alias, 12)
    start_worker(alias)
    run.wait(timeout=LONGEST)
    assert list(range(12)) == tasks.SEEN
    assert [each.node for each in claimed] == ["remember"]


def test_a_step_is_given_what_the_step_before_has_returned(
    alias: str, start_worker: StartWorker
) -> None:
    run = (steps.begin.s(3) >> steps.double >> steps.double).enqueue(backend=alias)
    start_worker(alias)
    run.wait(timeout=LONGEST)
    assert run.results["double_2"].return_value == 12


def test_what_was_handed_over_with_an_answer_that_never_came_runs_all_the_same(
    alias: str, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, lost = store_of(alias), []

    def relay(*args: Any) -> Relayed:
        relayed = type(store).relay(store, *args)
        if relayed.claims and not lost:
            lost.extend(relayed.claims)
            raise OperationalError("the connection broke after the commit")
        return relayed

    monkeypatch.setattr(store, "relay", relay)
    run = chain_of(alias, 4)
    start_worker(alias)
    run.wait(timeout=LONGEST)
    assert len(lost) == 1
    assert list(range(4)) == tasks.SEEN
    assert run.results["remember_2"].attempts == 1


def test_a_worker_in_doubt_gives_nothing_back_that_is_just_being_handed_over(
    alias: str, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(alias)
    is_written, may_go_on, looked = threading.Event(), threading.Event(), []

    def relay(*args: Any) -> Relayed:
        relayed = type(store).relay(store, *args)
        is_written.set()
        may_go_on.wait(LONGEST)
        return relayed

    def held(worker_id: str) -> Sequence[Any]:
        looked.append(may_go_on.is_set())
        return type(store).held(store, worker_id)

    monkeypatch.setattr(store, "relay", relay)
    monkeypatch.setattr(store, "held", held)
    run = chain_of(alias, 3)
    worker = start_worker(alias).worker
    assert is_written.wait(LONGEST)
    worker._doubt_holdings()
    wait_until(lambda: not worker._is_unsure, what="the worker to look at what it holds")
    may_go_on.set()
    run.wait(timeout=LONGEST)
    assert looked
    assert all(looked)
    assert list(range(3)) == tasks.SEEN
    assert worker._crew.late == 0


def test_other_jobs_that_are_ready_have_their_turn_before_a_long_chain_ends(
    alias: str, start_worker: StartWorker
) -> None:
    steps_before = [tasks.remember.s(n) for n in range(3)]
    run = chain([*steps_before, tasks.wait_for.s("g"), tasks.remember.s("last")]).enqueue(
        backend=alias, tenant="chains"
    )
    start_worker(alias, threads=1)
    wait_until(lambda: tasks.Count.running, what="the chain to reach its gate")
    tasks.remember.using(backend=alias, tenant="other").enqueue("other")
    tasks.GATES["g"].set()
    run.wait(timeout=LONGEST)
    wait_until(lambda: "other" in tasks.SEEN, what="the other's job to run")
    assert tasks.SEEN == [0, 1, 2, "other", "last"]


def test_a_worker_looks_soon_for_who_began_to_wait_unseen_for_what_it_has_relayed(
    alias: str, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, done = store_of(alias), []

    def relay(*args: Any) -> Relayed:
        done.append("relay")
        return type(store).relay(store, *args)

    monkeypatch.setattr(store, "relay", relay)
    monkeypatch.setattr(store, "look_again", lambda: done.append("look"))
    run = chain_of(alias, 3)
    start_worker(alias)
    run.wait(timeout=LONGEST)
    wait_until(lambda: done[-1:] == ["look"], what="a look after the last relay")


def test_what_was_handed_over_starts_before_the_look_that_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, done = 1000.0, []

    class Handing:
        def relay(self, *args: Any) -> Relayed:
            return Relayed([State.SUCCESSFUL], [claim_of(seq=2)])

        def look_again(self) -> None:
            done.append("look")

    monkeypatch.setattr("django_taskq.worker.relay.monotonic", lambda: now)
    store: Any = Handing()
    request = ClaimRequest("w", 1)
    relay = Relay(store, lambda id: request, lambda claims: done.append("take"), lambda: None)
    assert relay.look_again() is None
    relay.finish("w", [])
    now += LOOK_WITHIN / 2
    relay.finish("w", [])
    assert relay.look_again() == pytest.approx(LOOK_WITHIN / 2)
    now += LOOK_WITHIN / 2
    assert relay.look_again() is None
    assert done == ["take", "take", "look"]
    assert relay.look_again() is None
    relay.finish("w", [])
    assert relay.look_again(at_once=True) is None
    assert done[3:] == ["take", "look"]


def test_a_relay_that_broke_off_is_looked_after_as_well() -> None:
    looked = []

    class Broken:
        def relay(self, *args: Any) -> Relayed:
            raise OperationalError("the connection broke after the commit")

        def look_again(self) -> None:
            looked.append("look")

    store: Any = Broken()
    request = ClaimRequest("w", 1)
    relay = Relay(store, lambda id: request, lambda claims: None, lambda: None)
    with pytest.raises(OperationalError):
        relay.finish("w", [])
    assert relay.look_again() is not None
    relay.look_again(at_once=True)
    assert looked == ["look"]
