"""Progress of the demonstration: a bar on a terminal, else a line every few seconds."""

import sys
from time import monotonic
from typing import TextIO

WIDTH = 36
LINE_EVERY = 3.0


class ProgressDisplay:
    """Shows how many jobs are done, as the stream it writes to allows."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._started = monotonic()
        self._next_line = self._started

    def show(self, done: int, total: int) -> None:
        """Show a new count; without a terminal most calls write nothing."""
        if self._is_terminal:
            self._write(f"\r{bar(done, total)} {self._figures(done, total)}\x1b[K")
        elif monotonic() >= self._next_line:
            self._next_line = monotonic() + LINE_EVERY
            self._write(f"{self._figures(done, total)}\n")

    def close(self, done: int, total: int) -> None:
        """Show the last count and leave the line."""
        self._next_line = 0.0
        self.show(done, total)
        if self._is_terminal:
            self._write("\n")

    def _figures(self, done: int, total: int) -> str:
        return f"{done:,} of {total:,} jobs, {monotonic() - self._started:.0f} s"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def bar(done: int, total: int) -> str:
    """Draw how much of the total is done."""
    filled = WIDTH * done // total if total else 0
    return f"[{'#' * filled}{'.' * (WIDTH - filled)}]"
