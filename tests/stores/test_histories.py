"""Cancel at every state meets claims and ends: what each job comes to has an explanation."""

import random
import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

import pytest
from django.db import connections

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from tests.lifecycle.soaking import soak_seconds
from tests.stores.histories import Call, Job, is_legal
from tests.stores.jobs import (
    KILLED,
    bring,
    failure,
    insert,
    join,
    outcome,
    record,
    retry,
    success,
)
from tests.stores.places import Place, every_place

ENDS: dict[str, Callable[[Claim], Any]] = {
    "succeed": success,
    "fail": failure,
    "retry": retry,
    "postpone": lambda claimed: retry(claimed, delay=3600),
    "release": lambda claimed: outcome(claimed, Verdict.RELEASED, started_at=None),
}
WORKERS = ("host:1:one", "host:2:two")
# Of the job that a round is about. A job that runs is in the hand of the first worker.
BEFORE = (State.READY, State.SCHEDULED, State.RUNNING, State.RUNNING, State.RUNNING,
          State.SUCCESSFUL, State.FAILED, State.CANCELED)  # fmt: skip
ROUNDS = 25
LONGEST = 4.0


class Move(NamedTuple):
    """What one thread does in a round: a verb of the store, and which one it is."""

    verb: str
    act: Callable[[], object]
    attempt: int = 0


class Round:
    """One job in a queue of its own, and the verbs that meet at it."""

    def __init__(self, place: Place, store: Store, chance: random.Random) -> None:
        self._store = store
        self._sets_apart = place.sets_apart
        self._chance = chance
        self._claim: Claim | None = None
        state = chance.choice(BEFORE)
        if state in (State.READY, State.RUNNING):
            self._queue = new_id()
            self.id = insert(store, queue=self._queue)
        else:
            self.id = bring(place, store, state)
            self._queue = record(store, self.id).queue
        if state is State.RUNNING:
            [self._claim] = store.claim(ClaimRequest(WORKERS[0], 1, (self._queue,)))
        self.before = self.stored()

    def moves(self) -> list[Move]:
        """Return a cancel, and by chance what it is to meet."""
        moves = [self._cancel()]
        if self._claim is not None:
            moves += [self._end(self._claim) for _ in range(self._chance.randint(1, 2))]
        moves += self._chance.sample(
            [self._claimed(), self._revive(), self._run_now(), self._cancel()],
            self._chance.randint(1, 2),
        )
        return moves

    def stored(self) -> Job:
        """Return what the store says of the job."""
        job = record(self._store, self.id)
        is_asked, is_apart = job.cancel_asked_at is not None, job.parked_for == "suspect"
        return Job(State(job.state), job.attempt, is_asked, is_apart, self._sets_apart)

    def _cancel(self) -> Move:
        def act() -> object:
            [change] = self._store.cancel([self.id])
            return change.before, change.after, change.is_asked

        return Move("cancel", act)

    def _claimed(self) -> Move:
        def act() -> object:
            claims = self._store.claim(ClaimRequest(WORKERS[1], 1, (self._queue,)))
            return claims[0].attempt if claims else None

        return Move("claim", act)

    def _revive(self) -> Move:
        def act() -> object:
            [change] = self._store.retry([self.id])
            return change.before, change.after

        return Move("revive", act)

    def _run_now(self) -> Move:
        def act() -> object:
            [change] = self._store.run_now([self.id])
            return change.before, change.after

        return Move("run now", act)

    def _end(self, claimed: Claim) -> Move:
        verb = self._chance.choice([*ENDS, "lose"])
        fence = Fence(claimed.seq, claimed.attempt)

        def act() -> object:
            if verb == "lose":
                return self._store.lose(WORKERS[0], [fence], KILLED, was_alone=False)[0]
            return self._store.finish(WORKERS[0], [ENDS[verb](claimed)])[0]

        return Move(verb, act, claimed.attempt)


class Threads:
    """Threads with connections of their own that do one thing each, all at the same moment."""

    def __init__(self, size: int) -> None:
        self._barrier = threading.Barrier(size + 1)
        self._moves: list[Move | None] = [None] * size
        self._calls: list[Call | BaseException | None] = [None] * size
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def make(self, moves: list[Move]) -> list[Call]:
        """Make these moves at once; return them as calls. Raise what one has raised."""
        self._moves = [*moves, *[None] * (len(self._threads) - len(moves))]
        self._barrier.wait(30)
        self._barrier.wait(30)
        calls = []
        for made in self._calls[: len(moves)]:
            if isinstance(made, BaseException):
                raise made
            assert made is not None
            calls.append(made)
        return calls

    def end(self) -> None:
        """Let the threads end."""
        self._is_over = True
        self._barrier.wait(30)
        for thread in self._threads:
            thread.join(30)

    def _work(self, number: int) -> None:
        while True:
            self._barrier.wait(60)
            if self._is_over:
                connections.close_all()
                return
            move = self._moves[number]
            self._calls[number] = None if move is None else _made(move)
            self._barrier.wait(60)


def _made(move: Move) -> Call | BaseException:
    begin = perf_counter()
    try:
        answer = move.act()
    except BaseException as error:
        return error
    return Call(move.verb, begin, perf_counter(), answer, move.attempt)


@pytest.fixture
def threads() -> Iterator[Threads]:
    """As many threads as verbs meet in a round."""
    made = Threads(5)
    yield made
    made.end()


def meet(place: Place, threads: Threads, seed: int, *, rounds: int, seconds: float) -> int:
    """Let verbs meet at one job after the other; return at how many."""
    chance = random.Random(seed)
    store = place.open()
    for worker in WORKERS:
        join(store, worker)
    began, number = perf_counter(), 0
    while number < rounds and perf_counter() - began < seconds:
        number += 1
        each = Round(place, store, chance)
        calls = threads.make(each.moves())
        told = f"seed {seed}, round {number}: {each.before} -> {calls} -> {each.stored()}"
        assert is_legal(each.before, calls, each.stored()), told
        assert_alive(store, each.id)
    store.close()
    return number


def assert_alive(store: Store, id: str) -> None:
    """Check that a job has ended, or has what brings it on."""
    job = record(store, id)
    if job.is_ended:
        assert job.finished_at is not None
        assert (job.due_at, job.parked_for) == (None, None)
        assert (job.failure is None) == (job.state == State.SUCCESSFUL)
    elif job.state == State.RUNNING:
        assert job.seq in {fence.seq for fence in store.held(str(job.worker_id))}
    elif job.state == State.SCHEDULED:
        assert job.due_at is not None
    else:
        assert job.state == State.READY
        assert job.worker_id is None
        [claimed] = store.claim(
            ClaimRequest(WORKERS[0], 1, (job.queue,), suspects=job.parked_for == "suspect")
        )
        assert claimed.id == id


@pytest.mark.parametrize("place", every_place())
def test_whatever_a_cancel_meets_there_is_an_order_that_explains_the_end(
    place: Place, threads: Threads
) -> None:
    assert meet(place, threads, 38, rounds=ROUNDS * 8, seconds=LONGEST) > ROUNDS // 5


@pytest.mark.soak
@pytest.mark.parametrize("place", every_place())
@pytest.mark.parametrize("seed", [1, 2])
def test_so_it_is_for_minutes(place: Place, threads: Threads, seed: int) -> None:
    assert meet(place, threads, seed, rounds=10**9, seconds=soak_seconds(at_most=60.0))


# What the judge itself says.


def _call(verb: str, answer: object, *, begin: float = 0.0, end: float = 1.0) -> Call:
    return Call(verb, begin, end, answer, attempt=1)


ASKED = (State.RUNNING, State.RUNNING, True)


@pytest.mark.parametrize(
    ("calls", "after"),
    [
        ([_call("fail", State.FAILED), _call("cancel", ASKED)], Job(State.FAILED, 1)),
        ([_call("fail", State.FAILED), _call("cancel", ASKED)], Job(State.CANCELED, 1, True)),
        ([_call("retry", State.READY), _call("cancel", ASKED)], Job(State.READY, 1, True)),
        ([_call("succeed", State.CANCELED), _call("cancel", ASKED)], Job(State.CANCELED, 1, True)),
        (
            [_call("cancel", ASKED, end=0.1), _call("fail", State.FAILED, begin=0.2)],
            Job(State.FAILED, 1),
        ),
        ([_call("fail", State.FAILED), _call("retry", State.READY)], Job(State.READY, 1)),
    ],
)
def test_the_judge_finds_what_has_no_explanation(calls: list[Call], after: Job) -> None:
    assert not is_legal(Job(State.RUNNING, 1), calls, after)


def test_the_judge_lets_pass_what_has_one() -> None:
    running = Job(State.RUNNING, 1)
    canceled = [_call("retry", State.CANCELED), _call("cancel", ASKED)]
    assert is_legal(running, canceled, Job(State.CANCELED, 1, asked=True))
    again = [_call("retry", State.READY), _call("cancel", (State.READY, State.CANCELED, False))]
    assert is_legal(running, again, Job(State.CANCELED, 1))
