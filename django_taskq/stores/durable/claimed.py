"""What this process knows of the attempts that it was handed."""

import threading
from collections.abc import Callable, Iterable, Sequence

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.states import State
from django_taskq.stores.pairing import Hold

type Look = Callable[[Sequence[int | str]], dict[int, Hold] | None]


class Claimed:
    """The claims of the workers of this process, until they have ended."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._holds: dict[str, dict[int, Hold]] = {}

    def add(self, worker_id: str, claims: Iterable[Claim]) -> None:
        """Take note of claims."""
        holds = {
            claim.seq: Hold(
                claim.seq, claim.id, State.RUNNING, claim.attempt, worker_id, claim.claimed_at
            )
            for claim in claims
        }
        if holds:
            with self._lock:
                self._holds.setdefault(worker_id, {}).update(holds)

    def of(self, worker_id: str, fences: Iterable[Fence]) -> list[Hold]:
        """Return what a worker holds by these fences, for whoever marks the rows.

        What this process was not handed is looked up. What nobody says the worker holds is left
        out: that an attempt is newer than a row does not make it this worker's.
        """
        known = self._holds.get(worker_id, {})
        holds: list[Hold] = []
        unknown: list[Fence] = []
        for fence in fences:
            hold = known.get(fence.seq)
            if hold is not None and hold.attempt == fence.attempt:
                holds.append(hold)
            else:
                unknown.append(fence)
        if unknown:
            seen = self._look([fence.seq for fence in unknown]) or {}
            for seq, attempt in unknown:
                hold = seen.get(seq)
                if hold is not None and (hold.attempt, hold.worker_id) == (attempt, worker_id):
                    holds.append(hold)
        return holds

    def find(self, fences: Iterable[Fence]) -> list[Hold]:
        """Return what anybody holds by these fences, as far as it can be told."""
        wanted = set(fences)
        with self._lock:
            workers = list(self._holds.values())
        found = [
            hold
            for seq, attempt in wanted
            for known in workers
            if (hold := known.get(seq)) is not None and hold.attempt == attempt
        ]
        left = wanted - {Fence(hold.seq, hold.attempt) for hold in found}
        if left:
            seen = self._look([seq for seq, _ in left]) or {}
            found += [hold for hold in seen.values() if (hold.seq, hold.attempt) in left]
        return found

    def settle(self, worker_id: str, seqs: Iterable[int]) -> None:
        """Forget claims that have ended."""
        with self._lock:
            known = self._holds.get(worker_id)
            if known is None:
                return
            for seq in seqs:
                known.pop(seq, None)
            if not known:
                del self._holds[worker_id]

    def drop(self, worker_id: str) -> None:
        """Forget a worker."""
        with self._lock:
            self._holds.pop(worker_id, None)
