"""Whether rows hand out their jobs by themselves for a while, without the line of their pair."""

from collections.abc import Iterator
from contextlib import contextmanager


class _Alone:
    """How many blocks in this process want it.

    A test's transaction is never committed, and what is not committed no line is handed.
    """

    blocks = 0


def are_alone() -> bool:
    """Tell whether stores that are opened now do without their line."""
    return _Alone.blocks > 0


@contextmanager
def leave_alone() -> Iterator[None]:
    """Have stores of rows that are opened during the block do without their line."""
    _Alone.blocks += 1
    try:
        yield
    finally:
        _Alone.blocks -= 1
