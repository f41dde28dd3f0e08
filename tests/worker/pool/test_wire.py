"""Messages between a pool and a child, whole whatever their size."""

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from django_taskq.worker.pool.wire import Wire


@pytest.fixture
def ends() -> Iterator[tuple[Wire, Wire]]:
    one, two = (Wire(end) for end in socket.socketpair())
    yield one, two
    one.close()
    two.close()


def receive(wire: Wire, count: int) -> list[list[Any]]:
    got: list[list[Any]] = []
    while len(got) < count:
        got += wire.receive()
    return got


def test_messages_come_in_the_order_they_were_sent(ends: tuple[Wire, Wire]) -> None:
    ends[0].send(["a", 1], ["b", None])
    ends[0].send(["c", {"text": "line\nbreak \ud800 é"}])
    assert receive(ends[1], 3) == [["a", 1], ["b", None], ["c", {"text": "line\nbreak \ud800 é"}]]


def test_a_message_larger_than_every_buffer_comes_whole(ends: tuple[Wire, Wire]) -> None:
    text = "é" * 3_000_000
    sender = threading.Thread(target=ends[0].send, args=(["before"], ["large", text], ["after"]))
    sender.start()
    assert receive(ends[1], 3) == [["before"], ["large", text], ["after"]]
    sender.join(10)


def test_the_end_of_the_other_side_is_told(ends: tuple[Wire, Wire]) -> None:
    ends[0].send(["last"])
    ends[0].close()
    assert receive(ends[1], 1) == [["last"]]
    with pytest.raises(EOFError):
        ends[1].receive()
    with pytest.raises(BrokenPipeError):
        ends[1].send(["to nobody"])


def test_what_would_have_to_wait_is_not_sent_and_not_made(ends: tuple[Wire, Wire]) -> None:
    made: list[int] = []

    def make() -> list[list[str]]:
        made.append(1)
        return [["x" * 1000]]

    while ends[0].try_send(make):
        assert len(made) < 10_000
    sent = len(made)
    assert ends[0].try_send(make) is False
    assert len(made) == sent
    assert len(receive(ends[1], sent)) == sent
    assert ends[0].try_send(make) is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_holds_no_end_of_its_parents_wires(ends: tuple[Wire, Wire]) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        ends[0].close()
        with pytest.raises(EOFError):
            ends[1].receive()
    finally:
        os.close(writer)
        os.close(reader)
        os.waitpid(child, 0)
