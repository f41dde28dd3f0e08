"""Remove the directory of a test run once the run has ended, however it ended.

    python janitor.py DIRECTORY

Standard input is a pipe that only the run holds; it reaches its end with the run, even by SIGKILL.
"""

import shutil
import sys
import threading
from pathlib import Path

ATTEMPTS = 100
PAUSE = 0.1


def main() -> None:
    directory = Path(sys.argv[1])
    sys.stdin.buffer.read()
    # A server may still be writing its last files for a moment.
    for _ in range(ATTEMPTS):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        threading.Event().wait(PAUSE)


main()
