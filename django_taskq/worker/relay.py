"""What a finish frees goes straight to the worker that wrote it, without a claim in between."""

import threading
from collections.abc import Callable, Sequence
from time import monotonic

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from django_taskq.worker.inputs import with_inputs
from django_taskq.worker.run import Ended

# Seconds after a finish within which those are looked for who began to wait for it unseen. A chain
# is through some steps by then, and they share a look.
LOOK_WITHIN = 0.05

type Heir = Callable[[str], ClaimRequest | None]


class Relay:
    """Writes outcomes and takes in the jobs that the store hands over. Used by the writer's thread.

    `heir` tells what the worker of this id could take now, None where it is to claim as usual.
    `under_way` is held until what was handed over is in hand: who looks meanwhile at what the store
    counts as the worker's would find strangers there. `on_doubt` is called where an error has
    left open what was handed over.
    """

    def __init__(
        self,
        store: Store,
        heir: Heir,
        take: Callable[[Sequence[Claim]], None],
        on_doubt: Callable[[], None],
    ) -> None:
        self.under_way = threading.Lock()
        self._store = store
        self._heir = heir
        self._take = take
        self._on_doubt = on_doubt
        self._has_taken = False
        self._look_at: float | None = None

    def finish(self, worker_id: str, members: Sequence[Ended]) -> Sequence[State | None]:
        """Write how attempts ended; return each job's new state, or None where refused."""
        outcomes = [ended.outcome for ended in members]
        request = self._heir(worker_id)
        if request is None:
            return self._store.finish(worker_id, outcomes)
        with self.under_way:
            try:
                states, claims = self._store.relay(worker_id, outcomes, request)
                if claims:
                    self._take(with_inputs(self._store, list(claims), _results_of(members)))
                    self._has_taken = True
            except Exception:
                self._on_doubt()
                raise
            finally:
                # It may have been committed even so.
                self._look_at = self._look_at or monotonic() + LOOK_WITHIN
        return states

    def look_again(self, *, at_once: bool = False) -> float | None:
        """Have the store look again for what was written, where that is due.

        Return the seconds until it is, None where there is nothing to look for.
        """
        if self._look_at is None:
            return None
        left = self._look_at - monotonic()
        if left > 0 and not at_once:
            return left
        self._look_at = None
        self._store.look_again()
        return None

    def take_taken(self) -> bool:
        """Tell whether anything was handed over since the last call."""
        has_taken, self._has_taken = self._has_taken, False
        return has_taken


def _results_of(members: Sequence[Ended]) -> dict[str, str]:
    """Return what jobs have returned, by id: what is handed over mostly waited for these."""
    return {
        ended.claim.id: ended.outcome.result
        for ended in members
        if ended.outcome.verdict is Verdict.SUCCEEDED and ended.outcome.result is not None
    }
