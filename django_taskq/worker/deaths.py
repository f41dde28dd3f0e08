"""How a process ended, in words that complete the sentence "Worker X ..."."""

import signal


def describe_exit(exitcode: int | None) -> str:
    """Return how a process ended, from the exit code that multiprocessing tells.

    Negative codes are signals; None stands for a process that nobody could ask any more.
    """
    if exitcode is None:
        return "is gone"
    if exitcode < 0:
        return f"was killed by signal {-exitcode} ({_name_of(-exitcode)})"
    return f"exited with status {exitcode}"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
