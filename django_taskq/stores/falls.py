"""The jobs that a store has canceled for what they waited for, until somebody tells of them."""

from collections import deque
from collections.abc import Iterable

# Ids that are kept while nobody takes them; of more the oldest are let go.
MOST = 100_000


class Falls:
    """Ids of jobs that fell: who ended them knows of the ones it named, not of these.

    A store notes them once that is written, and committed. Safe in all threads.
    """

    def __init__(self) -> None:
        self._ids: deque[str] = deque(maxlen=MOST)

    def note(self, ids: Iterable[str]) -> None:
        """Note jobs that fell."""
        self._ids.extend(ids)

    def take(self) -> list[str]:
        """Return the ids noted since this was called last, each to one caller alone."""
        taken = []
        # One at a time: another thread may note or take meanwhile.
        while self._ids:
            try:
                taken.append(self._ids.popleft())
            except IndexError:
                break
        return taken
