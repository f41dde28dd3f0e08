"""The notepad of an attempt that runs in a child, as its parent holds it."""

from contextlib import suppress
from typing import Any

from django_taskq.context import Notepad
from django_taskq.jobs.claim import Claim
from django_taskq.results import readable
from django_taskq.worker.pool.wire import Wire


class DistantNotepad(Notepad):
    """Takes what the child tells for the heartbeat to store, and tells the child of cancels."""

    __slots__ = ("wire",)

    def __init__(self, claim: Claim, metadata: dict[str, Any], started: float) -> None:
        super().__init__(claim, metadata, started)
        self.wire: Wire | None = None

    def ask_to_stop(self) -> None:
        """Tell the job, once it runs, that it should stop."""
        if not self.is_cancel_asked:
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
