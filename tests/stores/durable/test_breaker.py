"""Who may ask a server that has not answered, by a clock that stands until it is moved."""

import threading

import pytest

from django_taskq.stores.durable.breaker import (
    FIRST_REST,
    LONGEST_ANSWER,
    LONGEST_CONNECT,
    LONGEST_REST,
    Breaker,
)
from django_taskq.stores.durable.probe import Probe
from tests.deadlines import wait_until


class Hand:
    """A clock with a hand to move."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_everybody_may_ask_a_server_that_answers(hand: Hand) -> None:
    breaker = Breaker(hand)
    assert all(breaker.may_try() for _ in range(3))
    assert breaker.note_success() is False
    assert not breaker.is_open


def test_after_one_failure_nobody_asks_until_there_was_an_answer(hand: Hand) -> None:
    breaker = Breaker(hand)
    assert breaker.note_failure() is True
    assert breaker.is_open
    assert not any(breaker.may_try() for _ in range(3))
    assert breaker.note_failure() is False
    assert breaker.note_success() is True
    assert breaker.may_try()
    assert breaker.note_failure() is True


def test_where_nobody_tells_of_an_answer_one_caller_tries_after_a_rest_that_grows(
    hand: Hand,
) -> None:
    breaker = Breaker(hand)
    breaker.note_failure()
    rests = []
    for _ in range(6):
        begin = hand.at
        while not breaker.may_try():
            hand.at += 1.0
        assert not breaker.may_try(), "a second caller was let through"
        rests.append(hand.at - begin)
    assert rests[0] == FIRST_REST
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_REST


def test_who_waits_for_an_answer_waits_for_less_than_a_second() -> None:
    assert LONGEST_CONNECT + LONGEST_ANSWER < 1.0


def test_a_probe_asks_until_there_is_an_answer_and_tells_of_it_once() -> None:
    answers = iter([OSError("no"), OSError("no"), None])
    heard, has_begun = threading.Event(), threading.Event()
    asked = []

    def ask() -> None:
        assert has_begun.wait(10)
        asked.append(threading.current_thread().name)
        answer = next(answers)
        if answer is not None:
            raise answer

    probe = Probe(ask, (OSError,), heard.set, every=0.001)
    probe.start()
    probe.start()
    has_begun.set()
    wait_until(heard.is_set, what="the probe to tell of the answer")
    assert asked == ["taskq-probe"] * 3


def test_a_probe_that_is_stopped_asks_no_more() -> None:
    asked = threading.Event()

    def ask() -> None:
        asked.set()
        raise OSError("no")

    probe = Probe(ask, (OSError,), lambda: pytest.fail("It told of an answer."), every=0.001)
    probe.start()
    wait_until(asked.is_set, what="a first question")
    probe.stop()
    wait_until(
        lambda: not any(thread.name == "taskq-probe" for thread in threading.enumerate()),
        what="the probe's thread to end",
    )
