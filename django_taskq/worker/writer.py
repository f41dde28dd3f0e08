"""Hand ended attempts to the store and tell the signals of what was written."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Protocol

from django.db import (
    DatabaseError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from django.tasks import task_backends
from django.tasks.base import TaskError, TaskResultStatus

from django_taskq.control import take_fallen
from django_taskq.exceptions import TaskqError
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.reasons import JOB_CANCELED
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import ENDED, Failure, State
from django_taskq.jobs.tenants import Tenants
from django_taskq.results import readable
from django_taskq.signals import attempt_failed, job_canceled, late_result
from django_taskq.stores.base import Store
from django_taskq.stores.wakeup import Wakeup
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.growth import grow, grows
from django_taskq.worker.loop import Backoff, told
from django_taskq.worker.outcomes import describe
from django_taskq.worker.reports import report_canceled, report_finished, report_lost
from django_taskq.worker.run import Ended
from django_taskq.worker.tally import Tally

logger = logging.getLogger("django_taskq.worker")

LONGEST_BATCH = 500


type Finish = Callable[[str, Sequence[Ended]], Sequence[State | None]]


class Writer(Protocol):
    """Where executors deliver what has ended. `is_writing` tells whether any of it is left."""

    @property
    def is_writing(self) -> bool:
        """Whether an outcome waits to be written, or is being written."""

    def put(self, ended: Ended) -> None:
        """Take one ended attempt; safe from any thread."""

    def close(self, timeout: float) -> bool:
        """Write what is left; return whether all of it was."""


class Look(Protocol):
    """What is to be looked for after writes."""

    def __call__(self, *, at_once: bool = False) -> float | None:
        """Look if that is due; return the seconds until it is, None where there is nothing."""


class Recorder:
    """Writes a batch of ended attempts and reports it. Used by one thread at a time.

    `finish` writes outcomes; None for the store's own verb.
    """

    def __init__(
        self,
        store: Store,
        on_written: Callable[[Sequence[Fence]], None],
        finish: Finish | None = None,
        own: Tenants | None = None,
    ) -> None:
        self._store = store
        self._on_written = on_written
        self._finish_all = finish or self._finish_plainly
        self._sender = type(task_backends[store.alias])
        self.late = 0
        self.tally = Tally(own)

    def write(self, batch: Sequence[Ended], *, is_repeat: bool = False) -> None:
        """Write a batch of one worker id and report it. Raise what the store raises.

        `is_repeat` says that an earlier call for this batch failed: its commit may have come
        through all the same, so what is refused now is looked at once more.
        """
        states = self._finish(batch[0].claim.worker_id, batch)
        if is_repeat and None in states:
            states = self._settled(batch, states)
        self.tally.add(batch, states)
        self._on_written([Fence(ended.claim.seq, ended.claim.attempt) for ended in batch])
        for ended, state in zip(batch, states, strict=True):
            self._report(ended, state)
        self._tell_fallen()

    def lose(self, claim: Claim, how: str) -> None:
        """Have the store take back an attempt that died with a process of its own; report it."""
        fence = Fence(claim.seq, claim.attempt)
        state = self._store.lose(claim.worker_id, [fence], how, was_alone=True)[0]
        self._on_written([fence])
        if state is not None:
            logger.warning(
                "The process of job %s (attempt %d) %s; the job is %s now.",
                claim.id, claim.attempt, how, state,
            )  # fmt: skip
            self.tally.lose([(claim.queue, claim.task)])
        if state is State.CANCELED:
            report_canceled(self._sender, self._store, [claim.id])
        elif state in ENDED:
            report_lost(self._sender, self._store, [claim.id])
        self._tell_fallen()

    def give_back(self, worker_id: str, fences: Sequence[Fence], ids: Sequence[str | None]) -> int:
        """Have the store take jobs back that were not finished; return how many it took.

        Those that were canceled have their end with it, and are reported where their id is known.
        """
        released = [Outcome(*fence, Verdict.RELEASED) for fence in fences]
        states = self._store.finish(worker_id, released) if released else []
        ends = zip(ids, states, strict=True)
        canceled = [id for id, state in ends if id is not None and state is State.CANCELED]
        report_canceled(self._sender, self._store, canceled)
        self._tell_fallen()
        return sum(state is not None for state in states)

    def _tell_fallen(self) -> None:
        # What is written is not to be written again for that: upkeep tells of them then.
        with suppress(*self._store.outages):
            take_fallen(self._store)

    def _settled(self, batch: Sequence[Ended], states: list[State | None]) -> list[State | None]:
        refused = [ended.claim.id for ended, state in zip(batch, states, strict=True) if not state]
        records = {record.id: record for record in self._store.get(refused)}
        settled = []
        for ended, state in zip(batch, states, strict=True):
            record = records.get(ended.claim.id)
            if state is None and record is not None and _is_result_of(ended, record):
                state = ended.outcome.next_state()
            settled.append(state)
        return settled

    def _finish(self, worker_id: str, members: Sequence[Ended]) -> list[State | None]:
        try:
            return self._write(worker_id, members)
        except (OperationalError, InterfaceError, ProgrammingError, NotSupportedError):
            # The database does not answer, or its tables are not what they were: while it is
            # being migrated, say. None of that is the fault of a value.
            raise
        except (DatabaseError, ArithmeticError, ValueError, TypeError) as error:
            if len(members) > 1:
                return [self._finish(worker_id, [ended])[0] for ended in members]
            return self._store.finish(worker_id, [_unstorable(members[0].outcome, error)])

    def _write(self, worker_id: str, members: Sequence[Ended]) -> list[State | None]:
        """Write outcomes by one statement, those of mapped steps, which are rare, one by one."""
        pushes = [push for ended in members for push in ended.outcome.pushes]
        if pushes:
            # First: a successor that starts after the finish finds them, and where the finish
            # is refused nobody reads them.
            self._store.xcoms.push(pushes)
        rest = [ended for ended in members if not grows(ended)]
        if len(rest) == len(members):
            return list(self._finish_all(worker_id, rest))
        states = iter(self._finish_all(worker_id, rest) if rest else ())
        return [self._grow(ended) if grows(ended) else next(states) for ended in members]

    def _finish_plainly(self, worker_id: str, members: Sequence[Ended]) -> Sequence[State | None]:
        return self._store.finish(worker_id, [ended.outcome for ended in members])

    def _grow(self, ended: Ended) -> State | None:
        """Have a mapped step become its items; where they cannot be stored, it fails alone."""
        try:
            return grow(self._store, ended)
        except (OperationalError, InterfaceError, ProgrammingError, NotSupportedError):
            raise
        except (DatabaseError, ArithmeticError, ValueError, TypeError, TaskqError) as error:
            failed = _unstorable(ended.outcome, error)
            return self._store.finish(ended.claim.worker_id, [failed])[0]

    def _report(self, ended: Ended, state: State | None) -> None:
        if state is None:
            self._report_late(ended)
        elif state in ENDED:
            self._report_end(ended, state)
        elif ended.outcome.verdict is Verdict.RETRY:
            _close_result(ended, TaskResultStatus.READY)
            logger.info(
                "Job %s failed on attempt %d and runs again in %.1f s: %s",
                ended.claim.id, ended.claim.attempt, ended.outcome.delay, ended.outcome.reason,
            )  # fmt: skip
            attempt_failed.send_robust(
                self._sender,
                task_result=ended.result,
                exception=ended.exception,
                duration=ended.duration,
                delay=ended.outcome.delay,
            )
        elif ended.outcome.verdict is Verdict.RELEASED:
            logger.debug(
                "Job %s was given back on attempt %d: %s",
                ended.claim.id, ended.claim.attempt, ended.outcome.reason,
            )  # fmt: skip

    def _report_end(self, ended: Ended, state: State) -> None:
        if state is State.CANCELED and ended.outcome.verdict is Verdict.RELEASED:
            # It has not run.
            report_canceled(self._sender, self._store, [ended.claim.id])
            return
        if state is State.SUCCESSFUL:
            _close_result(ended, TaskResultStatus.SUCCESSFUL)
        else:
            _close_result(ended, TaskResultStatus.FAILED, is_canceled=state is State.CANCELED)
        if state is State.CANCELED:
            job_canceled.send_robust(
                self._sender, task_result=ended.result, duration=ended.duration
            )
        report_finished(self._sender, ended.result, ended.duration, ended.exception)

    def _report_late(self, ended: Ended) -> None:
        self.late += 1
        logger.warning(
            "A late result of job %s (attempt %d, worker %s) was refused: the job has gone on.",
            ended.claim.id, ended.claim.attempt, ended.claim.worker_id,
        )  # fmt: skip
        late_result.send_robust(
            self._sender, task_result=ended.result, worker_id=ended.claim.worker_id
        )


class DirectWriter:
    """Writes in the thread that ran the job: for a store in this process."""

    is_writing = False

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def put(self, ended: Ended) -> None:
        """Write one ended attempt at once."""
        self._recorder.write([ended])

    def close(self, timeout: float) -> bool:
        """Return True: nothing is ever left."""
        return True


class ThreadedWriter:
    """Writes from a thread of its own what has gathered while the last write was under way.

    So an idle worker writes a single result at once, and a busy one a hundred in one
    transaction. While the store does not answer, outcomes wait in memory. `on_rest` is called
    when none is left, and `look` between the writes.
    """

    def __init__(
        self, recorder: Recorder, name: str, on_rest: Callable[[], None], look: Look
    ) -> None:
        self.is_writing = False
        self._recorder = recorder
        self._on_rest = on_rest
        self._look = look
        self._line: deque[Ended] = deque()
        self._wakeup = Wakeup()
        self._is_closing = False
        self._is_empty = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    def put(self, ended: Ended) -> None:
        """Take one ended attempt; it is written as soon as the thread is free."""
        self._line.append(ended)
        self.is_writing = True
        if not self._wakeup.is_set():
            self._wakeup.set()

    def close(self, timeout: float) -> bool:
        """Write what is left, at most for `timeout` seconds."""
        self._is_closing = True
        self._wakeup.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while self._line or not self._is_closing:
            look_in = self._look()
            if not self._line:
                self._wakeup.wait(look_in)
                self._wakeup.clear()
                continue
            gathered = [self._line.popleft() for _ in range(min(len(self._line), LONGEST_BATCH))]
            for _, batch in groupby(gathered, key=lambda ended: ended.claim.worker_id):
                self._write(list(batch))
            if not self._line:
                self._rest()
        self._look(at_once=True)
        drop_connections()

    def _rest(self) -> None:
        self.is_writing = False
        if self._line:
            # Put in between, by somebody whose word may have been overwritten.
            self.is_writing = True
            return
        self._on_rest()

    def _write(self, batch: list[Ended]) -> None:
        backoff = Backoff()
        while True:
            try:
                self._recorder.write(batch, is_repeat=not backoff.is_clear)
                return
            except Exception as error:
                if backoff.is_clear:
                    logger.warning(
                        "Results that wait in memory, since they could not be written: %d. %s",
                        len(batch), told(error),
                    )  # fmt: skip
                drop_connections()
                Wakeup().wait(backoff.next_pause())


def _close_result(ended: Ended, status: TaskResultStatus, *, is_canceled: bool = False) -> None:
    result = ended.result
    _set(result, "status", status)
    if status is not TaskResultStatus.READY:
        _set(result, "finished_at", ended.outcome.finished_at)
    if ended.outcome.error is not None:
        path, text = ended.outcome.error
        path = JOB_CANCELED if is_canceled else path
        result.errors.append(TaskError(exception_class_path=path, traceback=text))
    if status is TaskResultStatus.SUCCESSFUL:
        _set(result, "_return_value", readable(ended.outcome.result or "null", None))


def _is_result_of(ended: Ended, record: JobRecord) -> bool:
    same_attempt = record.attempt == ended.claim.attempt
    return same_attempt and record.state == ended.outcome.next_state()


def _unstorable(outcome: Outcome, error: Exception) -> Outcome:
    return outcome._replace(
        verdict=Verdict.FAILED,
        result=None,
        metadata=None,
        progress=None,
        failure=Failure.ERROR,
        reason=f"The outcome could not be stored: {type(error).__name__}.",
        error=describe(error),
    )


_set = object.__setattr__
