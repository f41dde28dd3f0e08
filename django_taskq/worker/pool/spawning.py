"""Start a new interpreter that holds one end of a socket."""

import json
import socket
import subprocess
import sys
from multiprocessing.spawn import get_executable

# Signals first: Ctrl-C in a terminal goes to all, and the parent decides what ends when. Then the
# path: without it a new interpreter might not find this package, or another one.
_CODE = """
import json, signal, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)
sys.path[:] = json.loads(sys.argv[3])
from importlib import import_module
import_module(sys.argv[1]).main(int(sys.argv[2]))
"""


def spawn(module: str, end: socket.socket) -> "subprocess.Popen[bytes]":
    """Have `main` of a module called in a new interpreter, with the number of the socket.

    The interpreter is the one that `multiprocessing.set_executable` names, where that was used.
    """
    executable = get_executable() or sys.executable
    arguments = [module, str(end.fileno()), json.dumps(sys.path)]
    return subprocess.Popen([executable, "-c", _CODE, *arguments], pass_fds=[end.fileno()])
