"""What one attempt logs while it runs: the last kilobytes of it."""

import os
import threading
from datetime import UTC, datetime

from django_taskq.jobs import payload

MOST_BYTES = 16 * 1024

# Bytes of UTF-8 that begin no character.
_CONTINUATION = bytes(range(0x80, 0xC0))


class Logbook:
    """Holds the last MOST_BYTES of what is written, and never more than twice as much.

    Any thread may write, and so may a signal handler in the middle of it. What a process that
    the job forked writes is dropped: it has a copy of the book, and maybe of its lock.
    """

    __slots__ = ("_kept", "_lock", "_pid", "written")

    def __init__(self) -> None:
        self.written = 0
        self._kept = bytearray()
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def write(self, text: str) -> None:
        """Add a line, or several."""
        if os.getpid() != self._pid:
            return
        data = payload.storable(text).encode() + b"\n"
        with self._lock:
            self.written += len(data)
            self._kept += data[-MOST_BYTES:]
            if len(self._kept) > 2 * MOST_BYTES:
                del self._kept[:-MOST_BYTES]

    def text(self) -> str:
        """Return what is kept; where that is not all, its first line says how much is missing."""
        with self._lock:
            # The end of the last line is no part of the text.
            kept = bytes(self._kept[-MOST_BYTES:-1])
            written = self.written - 1
        if len(kept) == written:
            return kept.decode()
        # A character that was cut through is left out with the rest.
        whole = kept.lstrip(_CONTINUATION)
        return f"... {written - len(whole)} bytes left out ...\n{whole.decode()}"


def line_of(created: float, level: str, logger: str, text: str) -> str:
    """Return a line as it is kept; `created` is in seconds since the epoch."""
    at = datetime.fromtimestamp(created, UTC).isoformat(" ", "milliseconds")
    return f"{at[:23]}Z {level} {logger}: {text}"
