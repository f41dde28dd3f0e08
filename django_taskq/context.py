"""What a running job knows of itself: JobContext, current_job, current_result_id."""

import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Protocol

from asgiref.sync import sync_to_async
from django.tasks import TaskContext

from django_taskq.exceptions import TaskqError
from django_taskq.jobs import payload, sighting
from django_taskq.jobs.claim import Claim
from django_taskq.logbook import Logbook, line_of

if TYPE_CHECKING:
    from django_taskq.sides import Side

# What a job says by JobContext.log; the catcher of log records passes it over.
logger = logging.getLogger("django_taskq.job")

LONGEST_SAVE = 30.0

_first_line = threading.Lock()


class Waiter(Protocol):
    """Who waits until a note is stored: an event, mostly."""

    def set(self) -> None:
        """Tell that it is."""


class Notepad:
    """What one attempt writes down while it runs.

    The job's thread writes, the worker's heartbeat thread reads and stores it on a connection
    of its own: what a job says of its progress must not wait for, or roll back with, the
    transaction that the job has open.
    """

    __slots__ = ("claim", "ctx", "ctx_text", "has_begun", "interrupt", "is_cancel_asked",
                 "is_dirty", "logbook", "mark", "metadata", "metadata_text", "progress", "saved",
                 "started")  # fmt: skip

    def __init__(self, claim: Claim, metadata: dict[str, Any], started: float) -> None:
        self.claim = claim
        self.metadata = metadata
        self.metadata_text = claim.metadata
        self.ctx: dict[str, Any] | None = None
        self.ctx_text = claim.ctx
        self.progress: str | None = None
        self.started = started
        self.has_begun = False
        self.is_dirty = False
        self.is_cancel_asked = False
        self.interrupt: Callable[[], None] | None = None
        self.logbook: Logbook | None = None
        self.mark = -1
        self.saved: Waiter | None = None

    def ask_to_stop(self) -> None:
        """Tell the job that it is to stop: a flag, and what interrupts it where anything can.

        Safe from any thread, and to repeat.
        """
        self.is_cancel_asked = True
        interrupt = self.interrupt
        if interrupt is not None:
            interrupt()

    def log(self, line: str) -> None:
        """Keep a line with the attempt. Safe from any thread."""
        book = self.logbook
        if book is None:
            made = Logbook()
            with _first_line:
                book = self.logbook = self.logbook or made
        book.write(line)

    def logged(self) -> str | None:
        """Return what the attempt has logged so far, the end of it where it is long."""
        return None if self.logbook is None else self.logbook.text()

    def changed_metadata(self) -> str | None:
        """Return the metadata as JSON where it differs from what is stored, else None.

        Raise TypeError or ValueError where it is no JSON.
        """
        if not self.metadata and self.metadata_text is None:
            return None
        text = payload.encode(self.metadata, "the metadata")
        return None if text == self.metadata_text else text

    def changed_ctx(self) -> str | None:
        """Return `job.ctx` as JSON where it differs from what is stored, else None.

        That a worker could not load the job is no longer in it. Raise TypeError or ValueError
        where it is no JSON.
        """
        if self.ctx is None:
            rest = sighting.forget(self.ctx_text)
            return None if rest == self.ctx_text else rest
        if not self.ctx and self.ctx_text is None:
            return None
        text = payload.encode(self.ctx, "job.ctx")
        return None if text == self.ctx_text else text

    def storable_change(self) -> str | None:
        """Return what `changed_metadata` does, None where it is no JSON or changes right now."""
        try:
            return self.changed_metadata()
        except (TypeError, ValueError, RuntimeError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext(TaskContext):  # type: ignore[misc]
    """Django's TaskContext with what this package adds."""

    tenant: str
    _notepad: Notepad
    _poke: Callable[[], None]
    _is_stopping: Callable[[], bool]

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the job. Changes are stored when the attempt ends, or by a save."""
        return self._notepad.metadata

    @property
    def ctx(self) -> dict[str, Any]:
        """What middlewares keep with the job across its tries: JSON, theirs to share.

        Stored with the end of each attempt but a success, after which nobody asks for it.
        """
        pad = self._notepad
        if pad.ctx is None:
            pad.ctx = read_ctx(pad.ctx_text)
        return pad.ctx

    @property
    def headers(self) -> dict[str, str]:
        """What the middlewares sent along when the job was enqueued, the same in all its tries."""
        return read_headers(self._notepad.claim.trace)

    @property
    def scheduled_for(self) -> datetime | None:
        """The due instant of the schedule that made the job, None for any other job."""
        return self._notepad.claim.scheduled_for

    @property
    def age(self) -> timedelta:
        """How long the job could have been running: since it was enqueued, or its `run_after`."""
        claim = self._notepad.claim
        wanted_at = claim.enqueued_at
        if claim.run_after is not None:
            wanted_at = max(wanted_at, claim.run_after)
        return claim.store_time(monotonic()) - wanted_at

    @property
    def is_late(self) -> bool:
        """Whether a rate counted this attempt's start for a time that is over.

        Asked before the task is called; a job that starts all the same breaks its rate.
        """
        start_by = self._notepad.claim.start_by
        return start_by is not None and monotonic() > start_by

    @property
    def should_stop(self) -> bool:
        """Whether the job was asked to stop: it was canceled, or its worker stops."""
        return self._notepad.is_cancel_asked or self._is_stopping()

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the job is; seen by others within two seconds.

        Cheap: only the last value is written, once a second. Raise TypeError or ValueError for
        what is no finite number.
        """
        for name, number in (("done", done), ("total", 0 if total is None else total)):
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise TypeError(f"{name}: expected a number, got {number!r}.")
        self._notepad.progress = payload.encode([done, total, str(message)[:500]], "progress()")
        self._notepad.is_dirty = True

    def log(self, message: object) -> None:
        """Keep a line with this attempt; the process's own log gets it too, at INFO."""
        text = str(message)
        self._notepad.log(line_of(time(), "INFO", logger.name, text))
        logger.info("Job %s: %s", self.task_result.id, text)

    def xcom_push(
        self,
        key: str,
        value: Any,
        ttl: float | timedelta | None = None,
        namespace: str | None = None,
    ) -> None:
        """Store a value for other jobs, as `xcom.push` does. It belongs to this attempt."""
        self._side().push(key, value, ttl, namespace)

    def xcom_pull(
        self,
        key: str,
        default: Any = ...,
        task_id: str | None = None,
        namespace: str | None = None,
    ) -> Any:
        """Return a value of other jobs, as `xcom.pull` does. Raise XComDoesNotExist."""
        return self._side().pull(key, default, task_id, namespace)

    def _side(self) -> "Side":
        # It knows this module.
        from django_taskq.sides import side_of

        return side_of(self)

    def save_metadata(self) -> None:
        """Store the metadata now. Raise TypeError or ValueError where it is no JSON."""
        self._notepad.changed_metadata()
        self._notepad.saved = saved = threading.Event()
        self._notepad.is_dirty = True
        self._poke()
        if not saved.wait(LONGEST_SAVE):
            raise TaskqError(
                f"The metadata could not be stored within {LONGEST_SAVE:g} seconds: the store "
                "does not answer. It is stored with the end of the attempt if that succeeds."
            )

    async def asave_metadata(self) -> None:
        """Store the metadata now. Raise TypeError or ValueError where it is no JSON."""
        await sync_to_async(self.save_metadata, thread_sensitive=False)()


def read_ctx(text: str | None) -> dict[str, Any]:
    """Read a stored ctx; one that cannot be read counts as empty."""
    try:
        stored = payload.decode(text or "{}")
    except ValueError:
        return {}
    if not isinstance(stored, dict):
        return {}
    stored.pop(sighting.KEY, None)
    return stored


def read_headers(text: str | None) -> dict[str, str]:
    """Read stored headers; what cannot be read counts as none."""
    if text is None:
        return {}
    try:
        stored = payload.decode(text)
    except ValueError:
        return {}
    if not isinstance(stored, dict):
        return {}
    return {name: value for name, value in stored.items() if isinstance(value, str)}


current_result_id: ContextVar[str | None] = ContextVar("current_result_id", default=None)
_current_job: ContextVar[JobContext | None] = ContextVar("django_taskq_job", default=None)


def current_job() -> JobContext | None:
    """Return the context of the job that this code runs in, None outside of any."""
    return _current_job.get()


def current_notepad() -> Notepad | None:
    """Return the notepad of the job that this code runs in, None outside of any."""
    job = _current_job.get()
    return None if job is None else job._notepad


def enter_job(context: JobContext) -> None:
    """Make a context the current one for the rest of this thread's or task's context."""
    _current_job.set(context)
    current_result_id.set(context.task_result.id)
