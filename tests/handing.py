"""Claims as another store, clock or load would have handed them out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django_taskq.control import store_of
from django_taskq.jobs.claim import Claim


@contextmanager
def handing_out(alias: str, change: Callable[[Claim], Claim]) -> Iterator[None]:
    """Have every claim of an alias changed before its worker gets it."""
    store: Any = store_of(alias)
    claim = store.claim

    def changed(request: Any) -> Sequence[Claim]:
        return [change(found) for found in claim(request)]

    store.claim = changed
    try:
        yield
    finally:
        del store.claim
