"""A seat of a process pool: one thread, and the child that it owns while there is one."""

import logging
import threading
from collections.abc import Sequence
from selectors import EVENT_READ, PollSelector
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from django_taskq.stores.wakeup import Wakeup
from django_taskq.worker.deaths import describe_exit
from django_taskq.worker.loop import Backoff
from django_taskq.worker.pool import codec
from django_taskq.worker.pool.downstream import answer
from django_taskq.worker.pool.notepad import DistantNotepad
from django_taskq.worker.pool.nurse import NurseryGone
from django_taskq.worker.pool.process import ChildProcess
from django_taskq.worker.pool.stand_in import stand_in
from django_taskq.worker.pool.wire import Message
from django_taskq.worker.run import Call

if TYPE_CHECKING:
    from django_taskq.worker.pool.executor import ProcessExecutor

logger = logging.getLogger("django_taskq.worker")

type Key = tuple[int, int]

FAREWELL = 2.0
DYING = 1.0
LONGEST_START = 60.0
# Seconds beyond its limit in which an async job may end by its own cancellation.
PATIENCE = 0.25


class StartFailed(Exception):
    """A child could not be started; the text is a sentence."""


class Seat:
    """Sends claims to its child, a few ahead where they are short, and hears what became of them.

    A child that dies takes down the attempt that had begun in it, and no other.
    """

    def __init__(self, pool: "ProcessExecutor", name: str) -> None:
        self._pool = pool
        self._wakeup = Wakeup()
        self._child: ChildProcess | None = None
        self._selector = PollSelector()
        self._sent: dict[Key, Call] = {}
        self._begun: Key | None = None
        self._is_stalled = False
        self._backoff = Backoff()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Have the thread look at the line. Safe from any thread."""
        self._wakeup.set()

    def tell(self, *message: Any) -> None:
        """Send a message to the child, if there is one. Safe from any thread."""
        child = self._child
        if child is not None:
            self._send(child, [message])

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    # The thread.

    def _work(self) -> None:
        self._selector.register(self._wakeup, EVENT_READ)
        while not self._pool.is_closed:
            if self._pool.waiting and self._is_ready():
                self._fill(cast("ChildProcess", self._child))
            if self._sent:
                self._listen()
            else:
                self._rest()
        self._leave()
        self._selector.close()

    def _rest(self) -> None:
        if self._pool.rest(self):
            self._listen()
            self._pool.unlist(self)

    def _fill(self, child: ChildProcess) -> None:
        """Send claims: as many as are worked off in some milliseconds, or one."""
        window = self._pool.window
        if len(self._sent) > window // 2 or (self._sent and self._is_stalled):
            return
        messages: list[Message] = []
        for claim in self._pool.take(window - len(self._sent)):
            call = self._pool.open(claim)
            if call is not None:
                notepad = cast("DistantNotepad", call.notepad)
                notepad.wire, notepad.interrupt = child.wire, self._wakeup.set
                self._sent[claim.seq, claim.attempt] = call
                messages.append(["run", claim])
        if messages:
            self._send(child, messages)

    def _listen(self) -> None:
        child = self._child
        for key, _ in self._selector.select(self._time_left()):
            if key.fileobj is self._wakeup:
                self._wakeup.clear()
            elif child is not None:
                self._hear_all(child)
        if self._child is not None and self._time_left() == 0.0:
            self._kill(self._child)

    def _time_left(self) -> float | None:
        """Return the seconds until the child must be killed, None where its job may go on."""
        call = self._sent.get(self._begun) if self._begun is not None else None
        if call is None:
            return None
        until = cast("DistantNotepad", call.notepad).stop_by
        if call.limit is not None:
            until = min(until, call.limit.deadline + PATIENCE)
        return None if until == float("inf") else max(0.0, until - monotonic())

    def _kill(self, child: ChildProcess) -> None:
        """Kill a child whose job goes on for longer than it may; what was sent ahead comes back."""
        self._dismiss(child, 0.0)
        call = self._sent.pop(cast("Key", self._begun))
        self._begun = None
        self._is_stalled = False
        self._take_back(list(self._sent))
        self._pool.end_killed(call)

    def _hear_all(self, child: ChildProcess) -> None:
        try:
            messages = child.wire.receive()
        except EOFError:
            self._bury(child)
            return
        for kind, *values in messages:
            self._hear(child, kind, values)

    def _hear(self, child: ChildProcess, kind: str, values: list[Any]) -> None:
        if kind == "begun":
            self._begun = key = (values[0], values[1])
            self._pool.begin(self._sent[key])
        elif kind == "ended":
            self._end(*values)
        elif kind == "note":
            self._take_note(*values)
        elif kind == "log":
            seq, attempt, text = values
            cast("DistantNotepad", self._sent[seq, attempt].notepad).told = text
        elif kind == "returned":
            self._is_stalled = True
            self._take_back([(seq, attempt) for seq, attempt in values[0]])
        elif kind == "ask":
            self._send(child, [answer(*values)])

    def _end(self, outcome: list[Any], duration: float, text: str | None) -> None:
        read = codec.outcomes.read(outcome)
        call = self._sent.pop((read.seq, read.attempt))
        self._begun = None
        self._is_stalled = False
        exception = None if read.error is None else stand_in(read.error, text or "")
        self._pool.end(call, read, exception, duration)

    def _take_note(
        self, seq: int, attempt: int, progress: str | None, metadata: str | None, is_saved: bool
    ) -> None:
        notepad = cast("DistantNotepad", self._sent[seq, attempt].notepad)
        notepad.take(progress, metadata, is_saved=is_saved)
        if is_saved:
            self._pool.hooks.on_note()

    def _take_back(self, keys: Sequence[Key]) -> None:
        self._pool.put_back([self._sent.pop(key) for key in keys])

    def _send(self, child: ChildProcess, messages: Sequence[Message]) -> None:
        try:
            child.wire.send(*messages)
        except OSError:
            # Its end is heard on the same wire.
            return

    # A child's beginning and end.

    def _is_ready(self) -> bool:
        """Have a child, started now if there is none; return whether there is one."""
        if self._child is not None:
            return True
        try:
            child = self._pool.start_child()
            self._selector.register(child.wire, EVENT_READ)
            self._await_ready(child)
        except (OSError, NurseryGone, StartFailed) as error:
            self._report_failure(error)
            return False
        self._backoff.clear()
        self._child = None if self._pool.is_closed else child
        if self._child is None:
            self._dismiss(child, 0.0)
        return self._child is not None

    def _await_ready(self, child: ChildProcess) -> None:
        deadline = monotonic() + LONGEST_START
        while not self._pool.is_closed:
            ready = self._selector.select(1.0)
            try:
                if any(key.fileobj is child.wire for key, _ in ready) and child.wire.receive():
                    return
            except EOFError:
                how = describe_exit(self._dismiss(child, DYING))
                raise StartFailed(f"A new child {how} before it was ready.") from None
            self._wakeup.clear()
            if monotonic() > deadline:
                self._dismiss(child, 0.0)
                raise StartFailed(f"A new child was not ready within {LONGEST_START:g} seconds.")

    def _report_failure(self, error: Exception) -> None:
        if self._backoff.is_clear:
            logger.error(
                "The pool %r has no process to run jobs in and tries again: %s",
                self._pool.alias, error,
            )  # fmt: skip
        if not self._pool.is_closed:
            self._wakeup.wait(self._backoff.next_pause())
            self._wakeup.clear()

    def _bury(self, child: ChildProcess) -> None:
        """Take back what a dead child held; only what had begun in it is counted as lost."""
        how = describe_exit(self._dismiss(child, DYING))
        begun = self._begun
        lost = self._sent.pop(begun) if begun is not None else None
        self._begun = None
        self._is_stalled = False
        self._take_back(list(self._sent))
        if lost is not None:
            self._pool.lose(lost, how)

    def _leave(self) -> None:
        """End the child with the pool: at once where a job still runs in it."""
        if self._child is not None:
            self._dismiss(self._child, 0.0 if self._sent else FAREWELL)

    def _dismiss(self, child: ChildProcess, patience: float) -> int | None:
        self._child = None
        self._selector.unregister(child.wire)
        if patience:
            child.wire.hang_up()
        return child.end(patience)
