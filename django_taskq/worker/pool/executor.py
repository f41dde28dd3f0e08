"""Run jobs in children: the line of claims, and the seats that take from it."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, cast

from django.tasks import task_backends
from django.tasks.signals import task_started

from django_taskq.context import Notepad
from django_taskq.exceptions import JobCanceled
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.outcome import Outcome
from django_taskq.worker.calls import Calls
from django_taskq.worker.executors.base import Hooks
from django_taskq.worker.executors.line import enter
from django_taskq.worker.intake import Intake
from django_taskq.worker.pool.config import read_config
from django_taskq.worker.pool.notepad import CANCEL_GRACE, DistantNotepad
from django_taskq.worker.pool.process import ChildProcess, start_child
from django_taskq.worker.pool.seat import Seat
from django_taskq.worker.run import Call, Ended
from django_taskq.worker.runner import Runner
from django_taskq.worker.settings import WorkerSettings

logger = logging.getLogger("django_taskq.worker")

MOST_SENT = 100
LONGEST_CLOSE = 5.0


class ProcessExecutor:
    """A fixed number of seats; each starts its child when there is work for it.

    A claim is announced (`task_started`) before it is sent to a child, once, even where it comes
    back unstarted and goes to another.
    """

    def __init__(self, alias: str, settings: WorkerSettings, hooks: Hooks, *, method: str) -> None:
        self.alias = alias
        self.hooks = hooks
        self.low_mark = 0
        self.is_closed = False
        self._size = settings.threads
        self._method = method
        self._name = settings.thread_name(alias)
        self._is_burst = settings.is_burst
        self._calls = Calls(
            alias,
            hooks.on_note,
            hooks.is_stopping,
            DistantNotepad,
            is_last_chance=settings.is_burst,
        )
        self._runner = Runner(self._calls, hooks.deliver)
        self._intake = Intake()
        self._line: deque[Claim] = deque()
        self._announced: dict[tuple[int, int], Call] = {}
        self._seats: list[Seat] = []
        self._idle: list[Seat] = []
        self._lock = threading.Lock()
        self._is_stopping = False
        self._sender = type(task_backends[alias])

    # What the crew calls.

    @property
    def running(self) -> Mapping[int, Notepad]:
        """The notepads of the attempts under way, by seq."""
        return self._calls.running

    @property
    def waiting(self) -> int:
        """How many claims stand in line."""
        return len(self._line)

    @property
    def free(self) -> int:
        """How many more claims could start at once."""
        return max(0, self._resting - len(self._line))

    @property
    def startable(self) -> int:
        """How many more claims could start at once; a child runs jobs of both kinds."""
        return self.free

    @property
    def slots(self) -> int:
        """How many attempts run at a time."""
        return self._size

    @property
    def is_worn_out(self) -> bool:
        """Return False: what hangs is killed."""
        return False

    def submit(self, claims: Sequence[Claim]) -> None:
        """Put claims in line, and wake as many seats as they are too many for one of."""
        enter(self._line, claims)
        for _ in range(1 + len(claims) // (self.window + 1)):
            self._wake_one()

    def take_back(self) -> list[Claim]:
        """Take all claims out of the line that have not started."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._line.popleft())
        return taken

    def stop(self) -> None:
        """Tell what runs that the worker stops; what was sent ahead comes back and is dropped."""
        self._is_stopping = True
        for seat in list(self._seats):
            seat.tell("stop")

    def close(self) -> None:
        """End the children, and kill those in which a job still runs. Waits for that."""
        self.is_closed = True
        for seat in self._seats:
            seat.wake()
        for seat in self._seats:
            seat.join(LONGEST_CLOSE)

    # What the seats call.

    @property
    def window(self) -> int:
        """How many claims a child may have at a time."""
        return max(1, min(MOST_SENT, self._intake.ahead))

    def start_child(self) -> ChildProcess:
        """Start a child. Raise OSError or NurseryGone where that fails."""
        return start_child(self._method, read_config(self.alias, is_burst=self._is_burst))

    def rest(self, seat: Seat) -> bool:
        """List a seat as idle, unless there is work; return whether it may sleep."""
        self._idle.append(seat)
        if self._line or self.is_closed:
            self.unlist(seat)
            return False
        self.hooks.on_room()
        return True

    def unlist(self, seat: Seat) -> None:
        """Take a seat off the list of idle ones, if it is on it."""
        with suppress(ValueError):
            self._idle.remove(seat)

    def take(self, most: int) -> list[Claim]:
        """Take claims out of the line: a fair share beside the seats that rest."""
        line = self._line
        before = len(line)
        share = max(1, before // (1 + self._resting))
        taken: list[Claim] = []
        with suppress(IndexError):
            taken.extend(line.popleft() for _ in range(min(most, share)))
        left = len(line)
        if left:
            self._wake_one()
        if left <= self.low_mark < before:
            self.hooks.on_room()
        return taken

    def put_back(self, calls: Sequence[Call]) -> None:
        """Put calls that have not begun in front of the line, or drop them when stopping."""
        if self._is_stopping:
            for call in calls:
                self.hooks.drop(call.claim)
            return
        for call in reversed(calls):
            self._announced[call.claim.seq, call.claim.attempt] = call
            self._line.appendleft(call.claim)
        self._wake_one()

    def open(self, claim: Claim) -> Call | None:
        """Make a claim ready to be sent, and announce it; None where it ends here."""
        known = self._announced.pop((claim.seq, claim.attempt), None)
        if not self.hooks.may_start(claim):
            self.hooks.drop(claim)
            return None
        if known is not None:
            return known
        made = self._calls.make(claim)
        if isinstance(made, Ended):
            self.hooks.deliver(made)
            return None
        task_started.send_robust(self._sender, task_result=made.result)
        return made

    def begin(self, call: Call) -> None:
        """Note that a call has begun in a child."""
        call.notepad.started = monotonic()
        self._calls.enter(call)

    def end(
        self, call: Call, outcome: Outcome, exception: BaseException | None, duration: float
    ) -> None:
        """Deliver a call that has ended."""
        self._calls.leave(call)
        self._intake.learn(duration)
        at = outcome.started_at
        if at is not None:
            _set(call.result, "last_attempted_at", at)
            if call.claim.started_at is None:
                _set(call.result, "started_at", at)
        self.hooks.deliver(Ended(call.claim, outcome, call.result, exception, duration))

    def end_killed(self, call: Call) -> None:
        """Deliver a call that went on for too long, and whose child was killed for it."""
        if monotonic() >= cast("DistantNotepad", call.notepad).stop_by:
            told = f"The job was canceled and did not end within {CANCEL_GRACE:g} s."
            ended = self._runner.kill(call, JobCanceled(told))
        else:
            ended = self._runner.overrun(call)
        if ended is not None:
            logger.warning("Job %s: %s Its process was killed.", call.claim.id, ended.exception)
            self.hooks.deliver(ended)

    def lose(self, call: Call, how: str) -> None:
        """Report a call whose child has died."""
        self._calls.leave(call)
        if not self.is_closed:
            self.hooks.lose(call.claim, how)

    @property
    def _resting(self) -> int:
        return self._size - len(self._seats) + len(self._idle)

    def _wake_one(self) -> None:
        try:
            seat = self._idle.pop()
        except IndexError:
            self._start_seat()
        else:
            seat.wake()

    def _start_seat(self) -> None:
        with self._lock:
            if len(self._seats) >= self._size or self.is_closed:
                return
            seat = Seat(self, f"{self._name}-{len(self._seats) + 1}")
            self._seats.append(seat)
        seat.start()


_set: Callable[[Any, str, Any], None] = object.__setattr__
