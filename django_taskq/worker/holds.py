"""Pools that run nothing by themselves for a while: whoever holds them runs their jobs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_holds: Counter[str] = Counter()


def is_held(alias: str) -> bool:
    """Tell whether the pool of an alias is held, in this process."""
    return alias in _holds


@contextmanager
def hold(aliases: Iterable[str]) -> Iterator[None]:
    """Keep the pools of these aliases from starting during the block; running ones go on."""
    held = Counter(set(aliases))
    _holds.update(held)
    try:
        yield
    finally:
        _holds.subtract(held)
        for alias in held:
            if not _holds[alias]:
                del _holds[alias]
