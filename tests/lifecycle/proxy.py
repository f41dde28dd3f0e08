"""A TCP proxy on loopback that breaks the connections it carries, in ways a network does."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

CHUNK = 65536
START_TIMEOUT = 10.0
# The end of PostgreSQL's answer to a statement: ReadyForQuery, outside of any transaction.
READY = b"Z\x00\x00\x00\x05I"


class Mode(Enum):
    """What the proxy does with bytes and with new connections."""

    PASS = "pass"
    BLACKHOLE = "blackhole"  # nothing is carried either way, nothing is closed
    HALF_OPEN = "half-open"  # requests arrive, answers do not
    REFUSE = "refuse"  # new connections are closed at once


@dataclass(eq=False)
class _Pair:
    """One carried connection."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_doomed: bool = False
    is_mute: bool = False
    has_answered: bool = False
    held_back: bytearray = field(default_factory=bytearray)


class Proxy:
    """Carries connections to `port` of this host, in a thread of its own.

    Safe to steer from the test's thread while connections are open.
    """

    def __init__(self, port: int) -> None:
        self.mode = Mode.PASS
        self.cuts = 0
        self._target = port
        self._pattern = b""
        self._cuts_left = 0
        self.muted = 0
        self.resets = 0
        self._latency = 0.0
        self._reset_chance = 0.0
        self._dice = random.Random(13)
        self._mute_pattern: bytes | None = None
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._over = asyncio.Event()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        assert self._is_up.wait(START_TIMEOUT)

    def cut_after(self, pattern: bytes, times: int = 1) -> None:
        """Cut a connection that sends `pattern` once the server has carried it out.

        The server's answer, which says that it has, is thrown away.
        """
        self._call(lambda: self._arm(pattern, times))

    def mute_after(self, pattern: bytes) -> None:
        """Throw away all that the server says on a connection that has sent `pattern`, but for
        the answer to that; `muted` counts how often it has said something.
        """
        self._mute_pattern = pattern

    def worsen(self, *, latency: float, reset_chance: float = 0.0) -> None:
        """Delay each answer by so many seconds, and reset by chance before a piece is carried.

        A request may be lost so or the answer to what was carried out; `resets` counts both.
        """
        self._latency, self._reset_chance = latency, reset_chance

    def set_mode(self, mode: Mode) -> None:
        """Treat all connections in another way from now on; PASS lets go what was held."""
        self._call(lambda: self._switch(mode))

    def lead_to(self, port: int) -> None:
        """Carry new connections to another port, and close those that there are."""
        self._target = port
        self.drop_all(by_reset=True)

    def drop_all(self, *, by_reset: bool = False) -> None:
        """Close every connection, in the orderly way or by a reset."""
        self._call(lambda: [self._close(pair, by_reset=by_reset) for pair in list(self._pairs)])

    def close(self) -> None:
        """Close everything and end the thread."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(START_TIMEOUT)

    def _call(self, function: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            try:
                function()
            finally:
                done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(START_TIMEOUT)

    def _arm(self, pattern: bytes, times: int) -> None:
        self._pattern, self._cuts_left = pattern, times

    def _switch(self, mode: Mode) -> None:
        self.mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._over.wait()
        server.close()
        for pair in list(self._pairs):
            self._close(pair)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.REFUSE:
            writer.close()
            return
        try:
            back, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        pair = _Pair(writer, to_server)
        self._pairs.add(pair)
        for carry in (self._carry_requests(pair, reader), self._carry_answers(pair, back)):
            task = self._loop.create_task(carry)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_requests(self, pair: _Pair, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._wait_while(Mode.BLACKHOLE)
                if self._cuts_left and self._pattern in data:
                    self._cuts_left -= 1
                    pair.is_doomed = True
                if self._mute_pattern is not None and self._mute_pattern in data:
                    pair.is_mute = True
                if self._is_reset(pair):
                    return
                pair.server.write(data)
                await pair.server.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._close(pair)

    async def _carry_answers(self, pair: _Pair, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._wait_while(Mode.BLACKHOLE, Mode.HALF_OPEN)
                await self._delay()
                if self._is_reset(pair):
                    return
                if pair.is_mute and pair.has_answered:
                    self.muted += 1
                    continue
                pair.has_answered = pair.is_mute and data.endswith(READY)
                if pair.is_doomed:
                    pair.held_back += data
                    if pair.held_back.endswith(READY):
                        self.cuts += 1
                        self._close(pair, by_reset=True)
                        return
                    continue
                pair.client.write(data)
                await pair.client.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._close(pair)

    async def _wait_while(self, *modes: Mode) -> None:
        while self.mode in modes:
            await self._changed.wait()

    async def _delay(self) -> None:
        if self._latency:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._latency)

    def _is_reset(self, pair: _Pair) -> bool:
        if self._dice.random() >= self._reset_chance:
            return False
        self.resets += 1
        self._close(pair, by_reset=True)
        return True

    def _close(self, pair: _Pair, *, by_reset: bool = False) -> None:
        self._pairs.discard(pair)
        if by_reset:
            raw = pair.client.get_extra_info("socket")
            # Without lingering a close is a reset, as of a host that is gone.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for writer in (pair.client, pair.server):
            writer.close()
