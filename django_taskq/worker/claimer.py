"""What a worker asks its store for: how many jobs, of whom, and when to ask again."""

import random
from time import monotonic

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.stores.base import Store
from django_taskq.worker.crew import Crew
from django_taskq.worker.settings import WorkerSettings

# Seconds that a worker rests at the least, however soon a limit opens.
SHORTEST_PAUSE = 0.002
# By how much of its wait a worker comes late, at the most: not all at the same moment.
SPREAD = 0.03


class Claimer:
    """Claims for one worker. Used by one thread at a time.

    `is_drained` says of the last claim that there was nothing to take and nothing in hand, and
    that no limit which opens by itself was in the way. `is_cramped` says that it may have found
    more had more slots been free: what is limited, or stolen, is not handed out ahead. `has_all`
    says that it has taken jobs, and all that there were.
    """

    def __init__(self, store: Store, settings: WorkerSettings, crew: Crew) -> None:
        self.is_drained = False
        self.is_cramped = False
        self.has_all = False
        self.is_retiring = False
        self._store = store
        self._settings = settings
        self._crew = crew
        self._claimed = 0

    @property
    def is_spent(self) -> bool:
        """Whether the worker is to claim no more, though nobody stopped it."""
        return self.is_retiring or self._left() == 0

    def room(self) -> int:
        """Return how many jobs to claim now."""
        if self.is_retiring or self._settings.is_idle:
            return 0
        left = self._left()
        room = self._crew.room()
        return room if left is None else min(room, left)

    def claim(self, worker_id: str, room: int) -> list[Claim]:
        """Claim at most so many jobs."""
        had_none = not self._crew.in_hand
        # Until the answer is there: a slot that becomes free meanwhile must not go unseen.
        self.is_cramped = True
        request = self._request(worker_id, room)
        began = monotonic()
        claims = self._store.claim(request)
        if claims:
            self._crew.learn_claim(monotonic() - began)
        self._claimed += len(claims)
        self.is_cramped = (request.free or 0) <= len(claims) < room
        is_held_back = self.is_held_back(worker_id)
        self.has_all = 0 < len(claims) < room and not (self.is_cramped or is_held_back)
        self.is_drained = had_none and not claims and not is_held_back
        return claims

    def heir(self, worker_id: str) -> ClaimRequest | None:
        """Return what the worker could take at once of what its finishes free; any thread may ask.

        None where jobs stand in line, which come first, or are counted.
        """
        settings = self._settings
        if (
            self.is_retiring
            or settings.is_idle
            or settings.is_solo
            or settings.max_jobs is not None
        ):
            return None
        room = 0 if self._crew.waiting else self._crew.idle
        return self._request(worker_id, room) if room > 0 else None

    def give_back(self, count: int) -> None:
        """Take note that so many claims were given back before they had started."""
        self._claimed -= count

    def is_held_back(self, worker_id: str) -> bool:
        """Tell whether the last claim passed over what a limit lets go by itself."""
        return self._store.opens_in(worker_id) is not None

    def pause(self, worker_id: str) -> float:
        """Return the seconds after which to claim again where nothing wakes the worker before."""
        wait = self._settings.poll_interval
        opens_in = self._store.opens_in(worker_id)
        if opens_in is not None:
            wait = min(wait, max(SHORTEST_PAUSE, opens_in))
        return wait * random.uniform(1.0, 1.0 + SPREAD)

    def _request(self, worker_id: str, room: int) -> ClaimRequest:
        settings = self._settings
        return ClaimRequest(
            worker_id,
            room,
            settings.queues,
            settings.excluded_queues,
            suspects=settings.is_solo,
            free=min(room, self._crew.startable),
            idle=min(room, self._crew.idle),
            slots=self._crew.slots,
            tenants=settings.tenants,
            steal=settings.steal,
            patience=self._crew.patience,
        )

    def _left(self) -> int | None:
        limit = self._settings.max_jobs
        return None if limit is None else max(0, limit - self._claimed)
