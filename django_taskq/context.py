"""What a running job knows of itself: JobContext, current_job, current_result_id."""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol

from asgiref.sync import sync_to_async
from django.tasks import TaskContext

from django_taskq.exceptions import TaskqError
from django_taskq.jobs import payload
from django_taskq.jobs.claim import Claim

LONGEST_SAVE = 30.0


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

    __slots__ = ("claim", "ctx", "ctx_text", "has_begun", "is_cancel_asked", "is_dirty", "mark",
                 "metadata", "metadata_text", "progress", "saved", "started")  # fmt: skip

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
        self.mark = -1
        self.saved: Waiter | None = None

    def ask_to_stop(self) -> None:
        """Tell the job that it was canceled."""
        self.is_cancel_asked = True

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

        Raise TypeError or ValueError where it is no JSON.
        """
        if self.ctx is None or (not self.ctx and self.ctx_text is None):
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

        Cheap: only the last value is written, once a second.
        """
        self._notepad.progress = payload.encode([done, total, str(message)[:500]], "progress()")
        self._notepad.is_dirty = True

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
    return stored if isinstance(stored, dict) else {}


current_result_id: ContextVar[str | None] = ContextVar("current_result_id", default=None)
_current_job: ContextVar[JobContext | None] = ContextVar("django_taskq_job", default=None)


def current_job() -> JobContext | None:
    """Return the context of the job that this code runs in, None outside of any."""
    return _current_job.get()


def enter_job(context: JobContext) -> None:
    """Make a context the current one for the rest of this thread's or task's context."""
    _current_job.set(context)
    current_result_id.set(context.task_result.id)
