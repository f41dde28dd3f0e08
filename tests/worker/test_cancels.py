"""Who is told of a cancel: the attempt that it is about, and no other."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from django_taskq.context import Notepad
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.fence import Fence
from django_taskq.options import Options
from django_taskq.stores.memory import MemoryStore
from django_taskq.worker.cancels import Cancels
from tests.stores.jobs import WORKER, claim, finish, insert_many, success


class MovingStore(MemoryStore):
    """Lets something happen just after it was asked."""

    after: Any = staticmethod(lambda: None)
    asked = 0

    def cancels_asked(self, worker_id: str) -> frozenset[int]:
        self.asked += 1
        answer = super().cancels_asked(worker_id)
        self.after()
        return answer


class Hands:
    """What a worker has in hand, and how it learns of cancels."""

    def __init__(self, count: int) -> None:
        self.store = MovingStore("cancels", Options())
        insert_many(self.store, count)
        self.claims = claim(self.store, count)
        self.in_hand = {each.seq: each for each in self.claims}
        self.running: dict[int, Notepad] = {}
        self.cancels = Cancels(self.store, self.in_hand, self.running)

    def start(self, claimed: Claim) -> Notepad:
        pad = self.running[claimed.seq] = Notepad(claimed, {}, monotonic())
        return pad

    def cancel(self, *claims: Claim) -> None:
        self.store.cancel([each.id for each in claims])


@pytest.fixture
def hands() -> Iterator[Hands]:
    made = Hands(3)
    yield made
    made.store.close()


def test_a_running_job_is_told_however_short_it_has_run(hands: Hands) -> None:
    asked, other = (hands.start(each) for each in hands.claims[:2])
    hands.cancel(hands.claims[0])
    hands.cancels.read(WORKER)
    assert (asked.is_cancel_asked, other.is_cancel_asked) == (True, False)


def test_what_is_in_line_may_not_start_any_more(hands: Hands) -> None:
    first, second, third = hands.claims
    hands.start(first)
    hands.cancel(second)
    assert hands.cancels.allows(second)
    hands.cancels.read(WORKER)
    assert [hands.cancels.allows(each) for each in (first, second, third)] == [True, False, True]


def test_a_later_attempt_of_the_job_may_start(hands: Hands) -> None:
    first = hands.claims[0]
    hands.cancel(first)
    hands.cancels.read(WORKER)
    hands.store.release(WORKER, [Fence(first.seq, first.attempt)])
    hands.store.retry([first.id])
    [again] = hands.store.claim(ClaimRequest(WORKER, 1))
    assert again.seq == first.seq
    assert hands.cancels.allows(again)


def test_an_attempt_that_began_after_the_look_is_not_taken_for_the_one_before(
    hands: Hands,
) -> None:
    first = hands.claims[0]
    pads = [hands.start(first)]
    hands.cancel(first)

    def go_on() -> None:
        finish(hands.store, success(first)._replace(verdict="failed"))
        hands.store.retry([first.id])
        [again] = hands.store.claim(ClaimRequest(WORKER, 1))
        hands.in_hand[again.seq] = again
        pads.append(hands.start(again))

    hands.store.after = go_on
    hands.cancels.read(WORKER)
    assert [pad.is_cancel_asked for pad in pads] == [True, False]
    assert hands.cancels.allows(pads[1].claim)


def test_a_worker_with_nothing_in_hand_asks_nobody(hands: Hands) -> None:
    hands.in_hand.clear()
    hands.cancels.read(WORKER)
    assert hands.store.asked == 0
