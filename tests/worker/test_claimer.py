"""What a worker asks for, and when it asks again."""

from types import SimpleNamespace
from typing import Any

import pytest

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.tenants import Tenants
from django_taskq.worker.claimer import SHORTEST_PAUSE, SPREAD, Claimer
from django_taskq.worker.settings import WorkerSettings
from tests.worker.claims import claim_of

ME = "host:1:abc"


class Counter:
    """A store that hands out what it is told to, and remembers what it was asked for."""

    def __init__(self, opens_in: float | None = None, ready: int = 0) -> None:
        self.opens = opens_in
        self.ready = ready
        self.asked: list[ClaimRequest] = []

    def claim(self, request: ClaimRequest) -> list[Claim]:
        self.asked.append(request)
        return [claim_of(seq=number) for number in range(min(self.ready, request.limit))]

    def opens_in(self, worker_id: str) -> float | None:
        assert worker_id == ME
        return self.opens


def claimer_of(
    store: Counter,
    *,
    in_hand: int = 0,
    startable: int = 4,
    room: int = 10,
    waiting: int = 0,
    **settings: Any,
) -> Claimer:
    crew: Any = SimpleNamespace(
        in_hand=in_hand,
        waiting=waiting,
        idle=startable,
        startable=startable,
        slots=4,
        patience=0.0,
        room=lambda: room,
        learn_claim=lambda seconds: None,
    )
    return Claimer(store, WorkerSettings(**settings), crew)  # type: ignore[arg-type]


def test_a_claim_says_whom_the_worker_serves_and_what_could_start_at_once() -> None:
    store = Counter()
    own, others = Tenants(["a"]), Tenants(["a"], is_rest=True)
    claimer_of(
        store,
        queues=("q",),
        excluded_queues=frozenset({"x"}),
        tenants=own,
        steal=others,
        is_solo=True,
    ).claim(ME, 10)
    assert store.asked == [
        ClaimRequest(
            ME, 10, ("q",), frozenset({"x"}), suspects=True, free=4, idle=4, slots=4, tenants=own,
            steal=others,
        )
    ]  # fmt: skip


def test_no_more_is_said_to_start_at_once_than_is_asked_for() -> None:
    store = Counter()
    claimer_of(store).claim(ME, 2)
    assert store.asked[0].free == 2


def test_max_jobs_bounds_what_is_asked_for() -> None:
    claimer = claimer_of(Counter(ready=5), max_jobs=7)
    assert claimer.room() == 7
    claimer.claim(ME, 5)
    assert (claimer.room(), claimer.is_spent) == (2, False)
    claimer.claim(ME, 2)
    assert (claimer.room(), claimer.is_spent) == (0, True)


def test_a_worker_that_retires_asks_for_nothing() -> None:
    claimer = claimer_of(Counter())
    claimer.is_retiring = True
    assert (claimer.room(), claimer.is_spent) == (0, True)


@pytest.mark.parametrize(
    ("opens_in", "poll", "wait"),
    [
        # Without limits a worker rests until its next poll.
        (None, 7.0, 7.0),
        (0.05, 7.0, 0.05),
        (6.9, 7.0, 6.9),
        # A limit that opens late does not keep it from looking.
        (500.0, 7.0, 7.0),
        # One that opens now does not let it spin.
        (0.0, 7.0, SHORTEST_PAUSE),
    ],
)
def test_a_worker_comes_back_just_after_a_limit_opens_or_with_its_next_poll(
    opens_in: float | None, poll: float, wait: float
) -> None:
    claimer = claimer_of(Counter(opens_in), poll_interval=poll)
    pauses = {claimer.pause(ME) for _ in range(100)}
    assert wait <= min(pauses) <= max(pauses) <= wait * (1 + SPREAD)
    # No two workers at the same moment.
    assert len(pauses) > 50


@pytest.mark.parametrize(
    ("store", "in_hand", "is_drained"),
    [
        (Counter(), 0, True),
        (Counter(), 1, False),
        (Counter(ready=1), 0, False),
        (Counter(0.5), 0, False),
    ],
)
def test_all_is_done_when_nothing_is_there_in_hand_or_held_back_for_a_time(
    store: Counter, in_hand: int, is_drained: bool
) -> None:
    claimer = claimer_of(store, in_hand=in_hand)
    claimer.claim(ME, 10)
    assert claimer.is_drained is is_drained


@pytest.mark.parametrize(
    ("ready", "startable", "is_cramped"),
    [(0, 0, True), (0, 2, False), (1, 2, False), (2, 2, True), (10, 2, False)],
)
def test_a_worker_is_cramped_when_more_free_slots_might_have_got_it_more(
    ready: int, startable: int, is_cramped: bool
) -> None:
    claimer = claimer_of(Counter(ready=ready), startable=startable)
    claimer.claim(ME, 10)
    assert claimer.is_cramped is is_cramped


@pytest.mark.parametrize(
    ("ready", "opens_in", "has_all"),
    [(0, None, False), (3, None, True), (3, 0.5, False), (4, None, False), (10, None, False)],
)
def test_a_claim_has_all_when_it_got_less_than_it_asked_for_and_nothing_is_held_back(
    ready: int, opens_in: float | None, has_all: bool
) -> None:
    claimer = claimer_of(Counter(opens_in, ready))
    claimer.claim(ME, 10)
    assert claimer.has_all is has_all


def test_what_a_finish_frees_is_taken_for_slots_that_are_free() -> None:
    heir = claimer_of(Counter(), startable=3, queues=("q",)).heir(ME)
    assert heir is not None
    assert (heir.worker_id, heir.limit, heir.queues) == (ME, 3, ("q",))


@pytest.mark.parametrize(
    "values",
    [{"startable": 0}, {"waiting": 1}, {"max_jobs": 5}, {"is_solo": True}, {"is_idle": True}],
    ids=str,
)
def test_nothing_is_handed_to_a_worker_that_has_no_slot_or_counts_its_jobs(
    values: dict[str, Any],
) -> None:
    assert claimer_of(Counter(), **values).heir(ME) is None


def test_nothing_is_handed_to_a_worker_that_retires() -> None:
    claimer = claimer_of(Counter())
    claimer.is_retiring = True
    assert claimer.heir(ME) is None
