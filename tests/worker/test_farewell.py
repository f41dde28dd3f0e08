"""How a worker ends: what it has not started goes back at once."""

import threading
from types import SimpleNamespace
from typing import Any

from django_taskq.jobs.fence import Fence
from django_taskq.stores.wakeup import Wakeup
from django_taskq.worker.farewell import Farewell

ME = "host:1:abc"
RUNNING, IN_LINE, STRANGER = Fence(1, 1), Fence(2, 1), Fence(3, 1)


def farewell_of(given: list[Any], *, is_lost: bool = False) -> Farewell:
    def held(worker_id: str) -> list[Fence]:
        if is_lost:
            raise OSError("The store is away.")
        return [RUNNING, STRANGER]

    def give_back(worker_id: str, fences: list[Fence]) -> int:
        given.append(fences)
        return len(fences)

    crew: Any = SimpleNamespace(
        relay_lock=threading.Lock(),
        take_back=lambda: [IN_LINE],
        strangers=lambda held: [fence for fence in held if fence != RUNNING],
        give_back=give_back,
    )
    store: Any = SimpleNamespace(alias="default", held=held)
    return Farewell(store, crew, Wakeup(), threading.Event())


def test_what_stands_in_line_and_what_came_in_the_last_sleep_go_back_before_the_rest_ends() -> None:
    given: list[Any] = []
    farewell = farewell_of(given)
    farewell.release_line(ME)
    assert given == [[IN_LINE], [STRANGER]]
    assert farewell.released == 2


def test_a_store_that_is_away_at_the_end_keeps_nobody_from_ending() -> None:
    given: list[Any] = []
    farewell = farewell_of(given, is_lost=True)
    farewell.release_line(ME)
    assert given == [[IN_LINE]]
