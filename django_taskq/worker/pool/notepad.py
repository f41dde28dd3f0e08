"""The notepad of an attempt that runs in a child, as its parent holds it."""

from contextlib import suppress
from time import monotonic
from typing import Any

from django_taskq.context import Notepad
from django_taskq.jobs.claim import Claim
from django_taskq.results import readable
from django_taskq.worker.pool.wire import Wire

# Seconds that a job has to end by itself once it was told to, before its process is killed.
CANCEL_GRACE = 5.0


class DistantNotepad(Notepad):
    """Takes what the child tells for the heartbeat to store, and tells the child of cancels.

    `stop_by` is when a canceled job must have ended, on the monotonic clock; `interrupt` is how
    the seat of the child learns that there is such a time now.
    """

    __slots__ = ("stop_by", "told", "wire")

    def __init__(self, claim: Claim, metadata: dict[str, Any], started: float) -> None:
        super().__init__(claim, metadata, started)
        self.told: str | None = None
        self.wire: Wire | None = None
        self.stop_by = float("inf")

    def logged(self) -> str | None:
        """Return what the child has told of the log, which is its last quarter second behind."""
        return self.told

    def ask_to_stop(self) -> None:
        """Tell the job that it should stop, each time: a child may hear it before it has begun."""
        if not self.is_cancel_asked:
            self.stop_by = monotonic() + CANCEL_GRACE
        super().ask_to_stop()
        self._tell("cancel")

    def take(self, progress: str | None, metadata: str | None, *, is_saved: bool) -> None:
        """Take a note; with `is_saved` the child waits to hear that it is stored."""
        if progress is not None:
            self.progress = progress
        if metadata is not None:
            self.metadata = readable(metadata, {})
        if is_saved:
            self.saved = _Answer(self)
        self.is_dirty = True

    def _tell(self, kind: str) -> None:
        if self.wire is not None:
            # The child may be gone, and its job with it.
            with suppress(OSError):
                self.wire.send([kind, self.claim.seq, self.claim.attempt])


class _Answer:
    """What the heartbeat sets when a note is stored."""

    def __init__(self, notepad: DistantNotepad) -> None:
        self._notepad = notepad

    def set(self) -> None:
        self._notepad._tell("saved")
