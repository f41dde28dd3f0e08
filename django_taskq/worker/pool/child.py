"""The child of a process pool: takes claims from its wire, runs one at a time, tells how it was."""

import asyncio
import os
import sys
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from selectors import EVENT_READ, PollSelector
from typing import Any, NoReturn

from django.db import connections

from django_taskq.context import Notepad, Waiter
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.payload import printable
from django_taskq.middleware.registry import stacks_of
from django_taskq.worker.calls import Calls
from django_taskq.worker.connections import watch_connections
from django_taskq.worker.pool import codec
from django_taskq.worker.pool.upstream import Upstream, enter_child
from django_taskq.worker.pool.wire import Message, Wire
from django_taskq.worker.run import Ended
from django_taskq.worker.runner import Runner

# What runs for longer sends back what was sent ahead.
STALL = 0.01
NOTES_EVERY = 0.25
LONGEST_FAREWELL = 0.5
# With the farewell less than a parent waits for a child that is to end.
LONGEST_FLUSH = 1.0
LONGEST_TEXT = 2000


class Child:
    """Runs jobs in the main thread, as a script does; a second thread listens to the parent.

    A parent that is gone ends the process, whatever runs.
    """

    def __init__(self, wire: Wire, alias: str, *, is_burst: bool = False) -> None:
        watch_connections()
        self._wire = wire
        self._upstream = Upstream(wire)
        enter_child(self._upstream)
        self._inbox: SimpleQueue[Claim | None] = SimpleQueue()
        self._calls = Calls(
            alias, self._send_notes, lambda: self._is_stopping, is_last_chance=is_burst
        )
        self._runner = Runner(self._calls, self._deliver, is_silent=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: dict[tuple[int, int], tuple[Waiter, str | None]] = {}
        self._kept: list[Message] = []
        self._told_log = (0, 0, 0)
        self._taken = self._begun = self._ended = 0
        self._is_stopping = False
        self._is_leaving = threading.Event()

    def run(self) -> NoReturn:
        """Work until the parent closes the wire."""
        threading.Thread(target=self._listen, name="taskq-listener", daemon=True).start()
        with suppress(OSError):
            self._wire.send(["ready"])
            while (claim := self._next()) is not None:
                self._run(claim)
                self._ended += 1
        self._is_leaving.set()
        stacks_of(self._calls.alias).flush(LONGEST_FLUSH)
        leave()

    # The main thread.

    def _next(self) -> Claim | None:
        """Return the next claim, and tell the parent that it has begun.

        How the last one ended goes along, in one piece, where the next is here already.
        """
        try:
            claim = self._inbox.get_nowait()
        except Empty:
            if self._kept:
                self._wire.send(*self._kept)
                self._kept = []
            claim = self._inbox.get()
        if claim is None:
            return None
        self._begun += 1
        self._wire.send(*self._kept, ["begun", claim.seq, claim.attempt])
        self._kept = []
        return claim

    def _run(self, claim: Claim) -> None:
        if self._calls.is_async(claim):
            self._run_async(self._runner.arun(claim))
        else:
            self._runner.run(claim)

    def _run_async(self, job: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="taskq-loop", daemon=True).start()
        asyncio.run_coroutine_threadsafe(job, self._loop).result()

    def _deliver(self, ended: Ended) -> None:
        exception = ended.exception
        text = None if exception is None else printable(_text_of(exception), LONGEST_TEXT)
        self._kept.append(["ended", ended.outcome, ended.duration, text])

    # What running jobs tell, in any thread.

    def _send_notes(self) -> None:
        notes = self._notes()
        if notes:
            self._wire.send(*notes)

    def _notes(self) -> Sequence[Message]:
        return [self._note(pad) for pad in list(self._calls.running.values()) if pad.is_dirty]

    def _note(self, pad: Notepad) -> Message:
        pad.is_dirty = False
        waiter, pad.saved = pad.saved, None
        metadata = pad.storable_change()
        fence = (pad.claim.seq, pad.claim.attempt)
        if waiter is not None:
            self._waiters[fence] = waiter, metadata
        return ["note", *fence, pad.progress, metadata, waiter is not None]

    # The listener.

    def _listen(self) -> None:
        selector = PollSelector()
        selector.register(self._wire, EVENT_READ)
        begun = 0
        while True:
            if selector.select(self._pause()):
                for message in self._messages():
                    self._hear(*message)
            elif begun == self._begun and not self._inbox.empty():
                self._return_line()
            else:
                self._tell_notes()
            begun = self._begun

    def _pause(self) -> float | None:
        if not self._inbox.empty():
            return STALL
        return NOTES_EVERY if self._taken != self._ended else None

    def _messages(self) -> list[list[Any]]:
        try:
            return self._wire.receive()
        except EOFError:
            self._end()

    def _hear(self, kind: str, *values: Any) -> None:
        if kind == "run":
            self._taken += 1
            self._inbox.put(codec.claims.read(values[0]))
        elif kind == "cancel":
            pad = self._calls.running.get(values[0])
            if pad is not None and pad.claim.attempt == values[1]:
                pad.ask_to_stop()
        elif kind == "saved":
            self._tell_saved(values[0], values[1])
        elif kind == "stop":
            self._is_stopping = True
        else:
            self._upstream.hear(kind, *values)
        if self._is_stopping:
            self._return_line()

    def _tell_saved(self, seq: int, attempt: int) -> None:
        waiter, metadata = self._waiters.pop((seq, attempt), (None, None))
        pad = self._calls.running.get(seq)
        if pad is not None and pad.claim.attempt == attempt:
            pad.metadata_text = metadata or pad.metadata_text
        if waiter is not None:
            waiter.set()

    def _tell_notes(self) -> None:
        pads = list(self._calls.running.values())
        with suppress(OSError):
            if any(pad.is_dirty for pad in pads):
                self._wire.try_send(self._notes)
            for pad in pads:
                self._tell_log(pad)

    def _tell_log(self, pad: Notepad) -> None:
        """Tell what the job has logged so far: the parent has nothing else once it kills it."""
        book = pad.logbook
        if book is None:
            return
        told = (pad.claim.seq, pad.claim.attempt, book.written)
        if told != self._told_log and self._wire.try_send(
            lambda: [["log", *told[:2], book.text()]]
        ):
            self._told_log = told

    def _return_line(self) -> None:
        """Send back what has not begun. Never waits: somebody must go on reading the wire."""
        with suppress(OSError):
            self._wire.try_send(self._take_line)

    def _take_line(self) -> Sequence[Message]:
        taken = []
        with suppress(Empty):
            while (claim := self._inbox.get_nowait()) is not None:
                taken.append([claim.seq, claim.attempt])
        self._taken -= len(taken)
        return [["returned", taken]] if taken else []

    def _end(self) -> NoReturn:
        """Let an idle main thread end the process in order; what still runs ends with it."""
        self._inbox.put(None)
        if self._is_leaving.wait(LONGEST_FAREWELL):
            threading.Event().wait(LONGEST_FLUSH + LONGEST_FAREWELL)
        os._exit(1)


def leave() -> NoReturn:
    """End this process without what its parent has registered for its own end."""
    with suppress(Exception):
        connections.close_all()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(0)


def _text_of(exception: BaseException) -> str:
    try:
        return str(exception)
    except BaseException:
        return ""
