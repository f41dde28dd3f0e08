"""Calls run in threads that nobody waits for."""

import threading
from collections.abc import Iterator

import pytest

from django_taskq.worker.daemon_threads import DaemonThreads
from tests.deadlines import wait_until


@pytest.fixture
def threads() -> Iterator[DaemonThreads]:
    made = DaemonThreads(2, "calls")
    yield made
    made.shutdown()
    wait_until(lambda: not _alive(), timeout=30, what="the threads to end")


def _alive() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("calls-")]


def test_a_call_returns_or_raises_what_its_function_does(threads: DaemonThreads) -> None:
    assert threads.submit(divmod, 7, 2).result(30) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 7, 0).result(30)


def test_threads_start_as_they_are_needed_and_no_more_than_there_may_be(
    threads: DaemonThreads,
) -> None:
    threads.submit(int).result(30)
    wait_until(lambda: threads._resting._value == 1, timeout=30, what="the thread to rest")
    threads.submit(int).result(30)
    assert len(_alive()) == 1
    gate = threading.Event()
    held = [threads.submit(gate.wait, 30) for _ in range(5)]
    assert len(_alive()) == 2
    gate.set()
    assert [each.result(30) for each in held] == [True] * 5


def test_a_call_that_was_canceled_in_line_does_not_run(threads: DaemonThreads) -> None:
    gate = threading.Event()
    held = [threads.submit(gate.wait, 30) for _ in range(2)]
    behind = threads.submit(int)
    assert behind.cancel()
    gate.set()
    assert [each.result(30) for each in held] == [True, True]
    assert threads.submit(int).result(30) == 0


def test_the_threads_are_daemons(threads: DaemonThreads) -> None:
    threads.submit(int).result(30)
    assert all(each.daemon for each in _alive())
