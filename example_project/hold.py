"""The hold on the desk: one demonstration or site at a time works on its database file."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DeskBusy(Exception):
    """Another process holds the desk."""


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold the desk for the time of the block; the system lets go when the process ends.

    Raise DeskBusy where another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "desk.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeskBusy(
                f"Another demonstration or site works on {directory}. Stop it first, or name "
                "another directory in DESK_DIRECTORY."
            ) from None
        yield
