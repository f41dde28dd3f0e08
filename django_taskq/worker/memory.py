"""How much memory this process holds."""

import os
import resource
import sys

_STATM = "/proc/self/statm"


def resident_bytes() -> int:
    """Return the resident memory of this process; where /proc is missing, the most it ever was."""
    try:
        with open(_STATM, "rb") as file:  # noqa: PTH123  twice a second, so without a Path
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
