"""Running a supervisor under Django's autoreloader, with stops that mean what they mean without it.

There are two processes. The first starts the second again after each change of code; Django would
have it kill the second one when it is asked to stop. Here it passes the signal on by a pipe. The
second one listens to the pipe alone, so that a signal counts once, whether it was sent to the first
process or to both, as a terminal does.
"""

import os
import signal
import sys
import threading
from types import FrameType

from django.utils import autoreload
from django.utils.autoreload import BaseReloader

from django_taskq.worker.supervision.supervisor import STOP_SIGNALS, Supervisor

_PIPE = "DJANGO_TASKQ_STOP_PIPE"


def run_with_reloader(supervisor: Supervisor) -> None:
    """Run a supervisor again after each change of code, until it has stopped."""
    if os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true":
        sys.exit(_start_again_and_again())
    signal.signal(signal.SIGTERM, _leave_it_to_the_pipe)
    # Children inherit this while they start: Ctrl-C reaches them too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Reloaded(supervisor).run()


def _start_again_and_again() -> int:
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    os.environ[_PIPE] = str(reader)

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.write(writer, bytes([number]))

    for number in STOP_SIGNALS:
        signal.signal(number, pass_on)
    return int(autoreload.restart_with_reloader())


class _Reloaded:
    """The supervisor of the second process, in a thread: the main one looks for changes of code."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._reloader: BaseReloader = autoreload.get_reloader()
        self._has_failed = threading.Event()

    def run(self) -> None:
        """Work until the supervisor has stopped, or the code has changed."""
        threading.Thread(target=self._listen, name="taskq-signals", daemon=True).start()
        autoreload.logger.info(
            "Watching for file changes with %s", self._reloader.__class__.__name__
        )
        autoreload.start_django(self._reloader, self._work)

    def _work(self) -> None:
        try:
            self._supervisor.run()
        except BaseException:
            # The reloader waits for the code to be mended.
            self._has_failed.set()
            raise
        self._reloader.stop()

    def _listen(self) -> None:
        reader = int(os.environ[_PIPE])
        os.set_inheritable(reader, False)
        while numbers := os.read(reader, 64):
            self._tell(numbers)
        # The first process is gone, and with it whoever could ask.
        self._tell(bytes([signal.SIGTERM, signal.SIGTERM]))

    def _tell(self, numbers: bytes) -> None:
        if self._has_failed.is_set():
            self._reloader.stop()
        else:
            self._supervisor.take_signals(numbers)


def _leave_it_to_the_pipe(number: int, frame: FrameType | None) -> None:
    """Keep a signal from its default action."""
