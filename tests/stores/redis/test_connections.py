"""Connections that threads keep for their scripts."""

import gc
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from redis import ConnectionPool, Redis
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from django_taskq.stores.redis.connections import Connections
from tests import servers


@pytest.fixture
def client() -> Iterator[Any]:
    with Redis(connection_pool=ConnectionPool.from_url(servers.url_of("valkey"))) as client:
        yield client
        client.connection_pool.disconnect()


@pytest.fixture
def connections(client: Any) -> Iterator[Connections]:
    connections = Connections(lambda: client)
    yield connections
    connections.close()


def number(connections: Connections) -> Any:
    return connections.run("CLIENT", "ID")


def test_a_thread_keeps_its_connection(connections: Connections) -> None:
    assert number(connections) == number(connections)


def test_threads_have_connections_of_their_own(connections: Connections) -> None:
    mine = number(connections)
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.append(number(connections)))
    thread.start()
    thread.join()
    assert others != [mine]


def test_a_thread_that_ends_leaves_its_connection_to_the_pool(
    client: Any, connections: Connections
) -> None:
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.append(number(connections)))
    thread.start()
    thread.join()
    gc.collect()
    assert client.client_id() == others[0]


def test_a_closed_one_takes_another(connections: Connections) -> None:
    before = number(connections)
    connections.close()
    assert number(connections) == before, "The pool has it, and gives it again."


def test_a_connection_that_was_cut_is_made_anew(client: Any, connections: Connections) -> None:
    before = number(connections)
    assert client.client_kill_filter(_id=before) == 1
    assert number(connections) != before


def test_an_error_of_redis_leaves_the_connection_in_order(connections: Connections) -> None:
    before = number(connections)
    with pytest.raises(NoScriptError):
        connections.run("EVALSHA", "0" * 40, 0)
    with pytest.raises(ResponseError):
        connections.run("EVAL", "error", 0)
    assert number(connections) == before


def test_an_answer_that_came_too_late_is_never_taken_for_another(client: Any) -> None:
    pool = ConnectionPool.from_url(servers.url_of("valkey"), socket_timeout=0.05)
    connections = Connections(lambda: Redis(connection_pool=pool))
    with pytest.raises(RedisTimeoutError):
        connections.run("BLPOP", "nothing-is-here", "0.3")
    assert connections.run("ECHO", "mine") == b"mine"
    connections.close()
    pool.disconnect()


def test_a_child_process_opens_its_own(connections: Connections) -> None:
    before = number(connections)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(number(connections)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reading, 20)) != before
    assert number(connections) == before
    os.close(reading)
    os.close(writing)


def test_a_client_that_chooses_among_servers_is_asked_each_time() -> None:
    class Chooser:
        connection_pool = None

        def execute_command(self, *command: Any) -> Any:
            return command

    connections = Connections(Chooser)
    assert connections.run("PING", 1) == ("PING", 1)
