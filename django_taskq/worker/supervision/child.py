"""Processes as their supervisor sees them."""

import os
from collections.abc import Callable, Sequence
from multiprocessing.context import BaseContext
from time import monotonic
from typing import Any

from django_taskq.worker.channel import ASKED, ENDED, GONE, RETIRING, SUSPECTS, Channel
from django_taskq.worker.deaths import describe_exit
from django_taskq.worker.marks import SharedMarks
from django_taskq.worker.process import WorkerProcess
from django_taskq.worker.supervision.birth import come_alive
from django_taskq.worker.supervision.orders import Orders


class Child:
    """A process that runs jobs, its channel, and the memory that it shares with us.

    `solo_place` is the place of the worker whose suspects it runs, None for an ordinary child.
    """

    def __init__(self, context: BaseContext, orders: Orders, solo_place: int | None = None) -> None:
        self.orders = orders
        self.solo_place = solo_place
        self.marks = SharedMarks(context, orders.places, orders.slots)
        self.started_at = monotonic()
        self.is_retiring = False
        self.is_mute = False
        self.has_ended = False
        self.ended_at = float("inf")
        self.is_asked_to_stop = False
        self.done = 0
        self.released = 0
        self.suspects_of: set[int] = set()
        self.killed_for = ""
        self._context = context
        ours, theirs = context.Pipe()
        self.channel = Channel(ours)
        self._theirs = Channel(theirs)
        self.process: Any = None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return int(self.process.pid)

    @property
    def places(self) -> Sequence[int]:
        """The places of its workers among the plans of its supervisor."""
        return range(self.orders.places) if self.solo_place is None else (self.solo_place,)

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return bool(self.process.is_alive())

    @property
    def how(self) -> str:
        """How the process ended, to complete the sentence "Worker X ..."."""
        return self.killed_for or describe_exit(self.process.exitcode)

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has stopped the process with SIGSTOP, so that it may never go on."""
        return is_stopped(self.pid)

    def start(self, others: Sequence[Channel]) -> None:
        """Start the process; it closes `others`, the ends of channels that are the supervisor's."""
        arguments = (os.getpid(), self._theirs, self.marks, self.orders, tuple(others))
        self.process = start(self._context, run_child, arguments, "taskq-child")
        self._theirs.close()

    def hear(self) -> None:
        """Take in what the child has told."""
        for verb, *told in self.channel.hear():
            if verb == RETIRING:
                self.is_retiring = True
            elif verb == SUSPECTS:
                self.suspects_of.add(self.places[told[0]])
            elif verb == ASKED:
                self.is_asked_to_stop = True
            elif verb == GONE:
                self.is_mute = True
            elif verb == ENDED:
                self.has_ended, self.ended_at = True, monotonic()
                self.done, self.released = told

    def kill(self, how: str) -> None:
        """Kill the process; `how` says why."""
        self.killed_for = how
        self.process.kill()


def run_child(
    supervisor_pid: int,
    channel: Channel,
    marks: SharedMarks,
    orders: Orders,
    others: Sequence[Channel],
) -> None:
    """Run the workers of a child; the body of its process."""
    come_alive(supervisor_pid, orders.verbosity, others)
    WorkerProcess(orders.plans, channel, marks, orders.max_memory).run()


def start(
    context: BaseContext, body: Callable[..., None], arguments: Sequence[Any], name: str
) -> Any:
    """Start a process that is no daemon: jobs may start processes of their own."""
    made: Any = context
    process = made.Process(target=body, args=tuple(arguments), name=name)
    process.start()
    return process


def is_stopped(pid: int) -> bool:
    """Tell whether a process stands still after a SIGSTOP."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
            # The name, in brackets, may hold anything; the state follows it.
            return file.read().rpartition(") ")[2][:1] == "T"
    except OSError:
        pass
    try:
        found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):
        return False
    return found is not None and found.si_code == os.CLD_STOPPED
