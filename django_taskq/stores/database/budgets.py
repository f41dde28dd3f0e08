"""What limits leave: the arithmetic of a claim, without the rows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from django_taskq.jobs.limits import Limit


class Budgets:
    """What limits leave at one moment, less what is used of it.

    `running` is how many jobs run under a key, `next_at` what the rate of a key keeps; a key
    that is not in it is somebody else's for now, and nothing is left under it. `patience` is that
    of the claim.
    """

    def __init__(
        self,
        running: Mapping[str, int],
        next_at: Mapping[str, datetime | None],
        now: datetime,
        patience: float = 0.0,
    ) -> None:
        self.now = now
        self.spent: dict[str, datetime] = {}
        self._running = Counter(running)
        self._next_at = dict(next_at)
        self._patience = patience

    def copy(self) -> "Budgets":
        """Return the same once more, to try something out."""
        return Budgets(self._running, self._next_at, self.now, self._patience)

    def knows(self, limits: Iterable[Limit]) -> bool:
        """Tell whether none of these is somebody else's for now."""
        return all(limit.key in self._next_at for limit in limits)

    def room(self, limits: Iterable[Limit], most: int) -> int:
        """Return how many jobs under all these limits may start now, at most `most`."""
        room = most
        for key, max_running, rate in limits:
            if max_running is not None:
                room = min(room, max_running - self._running[key])
            if rate is not None:
                room = min(room, rate.room(self._next_at[key], self.now, self._patience))
        return max(0, room)

    def use(self, limits: Iterable[Limit]) -> float | None:
        """Count one start; return within how many seconds it has to come, None where no rate
        counts it. `spent` is what the rates of the keys keep from then on.
        """
        ends_in: float | None = None
        for key, _, rate in limits:
            self._running[key] += 1
            if rate is not None:
                next_at = self._next_at[key]
                seconds = rate.ends_in(next_at, self.now, self._patience)
                ends_in = seconds if ends_in is None else min(ends_in, seconds)
                self._next_at[key] = self.spent[key] = rate.spend(
                    next_at, self.now, 1, self._patience
                )
        return ends_in

    def opens_in(self, limits: Iterable[Limit]) -> float | None:
        """Return the seconds after which these limits leave room by themselves, 0 where they do;
        None where the end of a job has to come first.
        """
        wait = 0.0
        for key, max_running, rate in limits:
            if max_running is not None and self._running[key] >= max_running:
                return None
            if rate is not None:
                wait = max(wait, rate.opens_in(self._next_at[key], self.now))
        return wait
