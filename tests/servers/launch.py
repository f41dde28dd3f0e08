"""Become a command that ends together with the process that started it.

    python launch.py PARENT UID SIGNAL COMMAND [ARGUMENT ...]

A file of its own, run by path, because the same done between fork and exec is unsafe once the
parent has threads. The order matters: Linux forgets the signal when the user changes.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, uid, ends_by = (int(argument) for argument in sys.argv[1:4])
    command = sys.argv[4:]
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ends_by)
    if os.getppid() != parent:
        sys.exit("The process that asked for this one has ended already.")
    os.execv(command[0], command)


main()
