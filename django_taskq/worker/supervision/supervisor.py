"""The process behind `runworker`: it starts children, replaces them, and stops them.

It has one thread, no lock and no connection, so that it can fork at any time; what needs the
store it leaves to errands.
"""

import atexit
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import wait
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

from django.tasks import task_backends

from django_taskq.worker.channel import HURRY, STOP
from django_taskq.worker.connections import close_connections
from django_taskq.worker.deaths import describe_exit
from django_taskq.worker.loop import Backoff
from django_taskq.worker.supervision.child import Child, start
from django_taskq.worker.supervision.errands import HAS_SUSPECTS, Remains, beat, bury
from django_taskq.worker.supervision.orders import Orders

logger = logging.getLogger("django_taskq.worker")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Seconds that children get beyond their grace, and after a second signal.
FAREWELL = 12.0
HURRIED_FAREWELL = 8.0
LOOK = 1.0
# A child that died so soon after its start, with no job begun, would do it again.
TOO_SOON = 2.0


class Burial(NamedTuple):
    """An errand on its way, and what it takes to send it again."""

    process: Any
    remains: tuple[Remains, ...]
    how: str
    was_alone: bool

    @property
    def places(self) -> set[int]:
        """The places whose jobs it takes back."""
        return {each.place for each in self.remains}


class Supervisor:
    """Keeps a number of children at work on the same plans; a place is one among these.

    `leases` are the leases of the plans' aliases in seconds, by alias. `run` belongs to the main
    thread, but for the autoreloader's sake works in another one too: then `take_signals` has to
    tell it of signals.
    """

    def __init__(
        self,
        orders: Orders,
        leases: dict[str, float],
        processes: int = 1,
        method: str = "fork",
    ) -> None:
        self.done = 0
        self.released = 0
        self._orders = orders
        self._leases = leases
        self._wanted = processes
        self._context = multiprocessing.get_context(method)
        self._is_forking = method == "fork"
        self._look = min(LOOK, *(lease / 8 for lease in leases.values()))
        self._children: list[Child] = []
        self._burials: list[Burial] = []
        self._beats: dict[Child, Any] = {}
        self._suspects_of: set[int] = set()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._stops = 0
        self._is_asked_to_stop = False
        self._kill_at = float("inf")
        self._next_look = 0.0
        self._next_start = 0.0
        self._backoff = Backoff()

    def run(self) -> None:
        """Work until everything has stopped."""
        if self._is_forking:
            self._load_what_is_shared()
        close_connections()
        with self._signals():
            self._start_missing()
            while self._has_work():
                self._wait()
                self._hear()
                self._take_leave()
                self._end_errands()
                self._look_after()
                self._start_missing()

    def _load_what_is_shared(self) -> None:
        """Load what every child needs, once for all of them, and leave it alone from now on.

        The collector would write into each object as it looks at it, and so copy its page.
        """
        backends: Any = task_backends
        for plan in self._orders.plans:
            # Opens no connection, but loads the driver of its database.
            backends[plan.alias].open_store()
        gc.collect()
        gc.freeze()

    # The loop, a verb at a time.

    def _has_work(self) -> bool:
        if self._children or self._burials:
            return True
        return not self._stops and (self._wanted > 0 or bool(self._suspects_of))

    def _start_missing(self) -> None:
        if self._stops or monotonic() < self._next_start:
            return
        ordinary = [child for child in self._children if child.solo_place is None]
        at_work = sum(not child.is_retiring for child in ordinary)
        for _ in range(self._wanted - at_work):
            self._start(self._orders)
        for place in self._suspects_of - self._busy_with_suspects():
            # Before it looks: what is set apart from now on needs another one.
            self._suspects_of.discard(place)
            self._start(self._solo_orders(place), place)

    def _wait(self) -> None:
        objects: list[Any] = [self._reader]
        for child in self._children:
            objects.append(child.process.sentinel)
            if not child.is_mute:
                objects.append(child.channel.connection)
        objects += [burial.process.sentinel for burial in self._burials]
        now = monotonic()
        until = min(self._kill_at, self._next_look)
        if self._next_start > now:
            until = min(until, self._next_start)
        if self._reader in wait(objects, max(0.0, until - now)):
            for number in os.read(self._reader, 64):
                if number not in STOP_SIGNALS:
                    continue
                if self._is_asked_to_stop:
                    # The first signal says what the operator has said.
                    self._is_asked_to_stop = False
                else:
                    self.stop()

    def _hear(self) -> None:
        for child in self._children:
            child.hear()
            self._suspects_of |= child.suspects_of
            child.suspects_of.clear()
            self._heed(child)

    def _heed(self, child: Child) -> None:
        """Stop all of this where an operator has asked one of its workers to: who started it
        decides whether it comes again.
        """
        if child.is_asked_to_stop and not self._stops:
            logger.info("An operator has asked a worker of process %d to stop.", child.pid)
            self.stop()
            self._is_asked_to_stop = True

    def _take_leave(self) -> None:
        """Let go of children that have ended, and see to what they left."""
        for child in [child for child in self._children if not child.is_alive]:
            child.hear()
            child.process.join()
            child.channel.close()
            self._children.remove(child)
            self._end_beat(child)
            self.done += child.done
            self.released += child.released
            self._heed(child)
            if child.has_ended:
                self._note_end(child)
            else:
                self._note_death(child)

    def _end_errands(self) -> None:
        for burial in [each for each in self._burials if not each.process.is_alive()]:
            self._burials.remove(burial)
            burial.process.join()
            if burial.process.exitcode == HAS_SUSPECTS:
                self._suspects_of.update(burial.places)
            elif burial.process.exitcode and not self._stops:
                logger.warning("An errand %s.", describe_exit(burial.process.exitcode))
                self._bury(burial.remains, burial.how, was_alone=burial.was_alone)

    def _look_after(self) -> None:
        """Beat for children that cannot, kill those that must not go on."""
        now = monotonic()
        if now >= self._kill_at:
            self._kill_at = float("inf")
            for child in self._children:
                logger.warning("Process %d does not stop and is killed.", child.pid)
                child.kill("was killed, since it did not stop in time")
            for burial in self._burials:
                burial.process.kill()
        if now < self._next_look:
            return
        self._next_look = now + self._look
        for child in self._children:
            if now - child.ended_at > FAREWELL:
                # A thread that a job has left behind keeps it from its end.
                child.kill("was killed, since it did not end")
            self._kill_if_overrun(child, now)
            self._keep_leases(child, now)

    # Children.

    def _start(self, orders: Orders, solo_place: int | None = None) -> None:
        child = Child(self._context, orders, solo_place)
        self._children.append(child)
        child.start(self._own_ends())

    def _own_ends(self) -> list[Any]:
        """Return what a fork must close; a spawned process inherits nothing."""
        return [child.channel for child in self._children] if self._is_forking else []

    def _busy_with_suspects(self) -> set[int | None]:
        """Return the places with a solo worker, or with a burial that may set more apart."""
        buried = {place for burial in self._burials for place in burial.places}
        return buried | {child.solo_place for child in self._children}

    def _solo_orders(self, place: int) -> Orders:
        plan = self._orders.plans[place]
        settings = replace(
            plan.settings,
            threads=1,
            async_concurrency=1,
            is_burst=True,
            is_solo=True,
            max_jobs=1,
        )
        return self._orders._replace(plans=(plan._replace(settings=settings),))

    def _note_end(self, child: Child) -> None:
        self._backoff.clear()
        if child.solo_place is not None:
            if child.done:
                self._suspects_of.add(child.solo_place)
        elif not child.is_retiring and self._orders.plans[0].settings.is_burst:
            self._wanted -= 1

    def _note_death(self, child: Child) -> None:
        started = child.marks.started()
        logger.warning("Process %d %s.", child.pid, child.how)
        if not started and monotonic() - child.started_at < TOO_SOON and not self._stops:
            pause = self._backoff.next_pause()
            self._next_start = monotonic() + pause
            logger.error("It had just started; the next one starts in %.1f s.", pause)
        else:
            self._backoff.clear()
        # Killed by ourselves at the end of the grace: that is no fault of the jobs.
        is_fault = not (self._stops and child.killed_for)
        remains = tuple(
            Remains(
                place,
                plan.alias,
                lease.worker_id,
                tuple(mark for mark in started if mark.place == number and is_fault),
            )
            for number, (place, plan, lease) in enumerate(
                zip(child.places, child.orders.plans, child.marks.leases(), strict=True)
            )
            if lease.worker_id
        )
        if remains:
            self._bury(remains, child.how, was_alone=child.solo_place is not None)

    # Errands.

    def _bury(self, remains: tuple[Remains, ...], how: str, *, was_alone: bool) -> None:
        arguments = (
            os.getpid(), self._orders.verbosity, self._own_ends(), remains, how, was_alone,
        )  # fmt: skip
        process = start(self._context, bury, arguments, "taskq-errand")
        self._burials.append(Burial(process, remains, how, was_alone))

    def _keep_leases(self, child: Child, now: float) -> None:
        is_late = any(
            lease.worker_id and now - lease.renewed > self._leases[plan.alias] / 2
            for plan, lease in zip(child.orders.plans, child.marks.leases(), strict=True)
        )
        if not is_late or child.is_stopped:
            self._end_beat(child)
        elif child not in self._beats and child.is_alive:
            logger.warning("Process %d does not renew its lease; that is done for it.", child.pid)
            aliases = [plan.alias for plan in child.orders.plans]
            arguments = (
                os.getpid(), self._orders.verbosity, self._own_ends(), aliases, child.marks,
            )  # fmt: skip
            self._beats[child] = start(self._context, beat, arguments, "taskq-errand")

    def _end_beat(self, child: Child) -> None:
        process = self._beats.pop(child, None)
        if process is not None:
            process.kill()
            process.join()

    def _kill_if_overrun(self, child: Child, now: float) -> None:
        if any(0.0 < mark.deadline < now for mark in child.marks.started()):
            child.kill("was killed, since a job overran its time limit")

    # Stopping.

    def stop(self) -> None:
        """Ask the children to stop; the second time, to stop at once."""
        self._stops += 1
        if self._stops == 1:
            logger.info("Stopping: running jobs may finish. Once more to give them back now.")
            grace = max(plan.settings.grace for plan in self._orders.plans)
            self._kill_at = monotonic() + grace + FAREWELL
        else:
            self._kill_at = min(self._kill_at, monotonic() + HURRIED_FAREWELL)
        for child in self._children:
            child.channel.tell(STOP if self._stops == 1 else HURRY)

    def take_signals(self, numbers: bytes) -> None:
        """Take these signals for sent to this process; may be called by any thread."""
        os.write(self._writer, numbers)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Have stop signals written to the pipe on which the loop sleeps."""
        if threading.current_thread() is not threading.main_thread():
            # Under the autoreloader, which owns the main thread and ends the process by itself.
            atexit.register(self._end_with_process, os.getpid(), threading.current_thread())
            yield
            return
        previous_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        previous = {number: signal.signal(number, _do_nothing) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous_fd)
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _end_with_process(self, pid: int, thread: threading.Thread) -> None:
        if os.getpid() == pid:
            self.take_signals(bytes([signal.SIGTERM, signal.SIGTERM]))
            thread.join(HURRIED_FAREWELL)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Keep a signal from its default action."""
