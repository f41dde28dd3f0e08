"""A process that ends with its parent's orders, not with the terminal's."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import FrameType

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


class Child:
    """A `manage.py` command in a process of its own.

    It runs in a session of its own: Ctrl-C in the terminal reaches the parent alone, which then
    asks the child to stop, once.
    """

    def __init__(self, name: str, arguments: Sequence[str], output: Path | None = None) -> None:
        self.name = name
        self.output = output
        command = [sys.executable, str(MANAGE), *arguments]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "example_project.settings",
            "PYTHONUNBUFFERED": "1",
        }
        with nullcontext() if output is None else output.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def status(self) -> int | None:
        """The exit status, None while the process runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end; return the exit status, or None when the seconds are over."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def ask_to_stop(self) -> None:
        """Ask for a graceful end; asked a second time, a worker hurries."""
        self._signal(signal.SIGTERM)

    def await_end(self, grace: float) -> int:
        """Wait for the end, make it when the seconds are over; return the exit status."""
        status = self.wait(grace)
        if status is not None:
            return status
        self._signal(signal.SIGKILL)
        return self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and those it has started, such as an autoreloader's."""
        if self.status is None:
            os.killpg(self._process.pid, number)

    def told(self) -> str:
        """Return the end of what the process has written, where that went into a file."""
        if self.output is None:
            return ""
        return self.output.read_text(errors="replace").strip()[-2000:]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def treat_ends_alike() -> None:
    """Let SIGTERM and a closed terminal end this process as Ctrl-C does, so that children end."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
