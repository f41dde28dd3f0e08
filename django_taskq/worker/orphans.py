"""Processes that must not outlive the one they work for."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies, where it can.

    Ends this process now where the parent, by its pid, is gone already. Where the system cannot,
    the end of what connects the two has to do, which a job that holds the interpreter's lock
    keeps from being heard.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
