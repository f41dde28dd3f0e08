"""Which of a worker's jobs were canceled, and who is told."""

from collections.abc import Mapping

from django_taskq.context import Notepad
from django_taskq.jobs.claim import Claim
from django_taskq.stores.base import Store


class Cancels:
    """Reads from the store whom somebody wants to stop, and tells those that run.

    What is in hand and has not started is known from then on: it must not start.
    """

    def __init__(
        self, store: Store, in_hand: Mapping[int, Claim], running: Mapping[int, Notepad]
    ) -> None:
        self._store = store
        self._in_hand = in_hand
        self._running = running
        self._asked: frozenset[tuple[int, int]] = frozenset()

    def read(self, worker_id: str) -> None:
        """Ask the store, by one statement, where anything is in hand."""
        # Copies from before the look: a job that is retried and claimed again after it would be
        # taken for the attempt that was canceled.
        in_hand, running = dict(self._in_hand), dict(self._running)
        asked = self._store.cancels_asked(worker_id) if in_hand else frozenset()
        claims = [in_hand[seq] for seq in asked if seq in in_hand]
        self._asked = frozenset([(claim.seq, claim.attempt) for claim in claims])
        for claim in claims:
            pad = running.get(claim.seq)
            if pad is not None and pad.claim.attempt == claim.attempt:
                pad.ask_to_stop()

    def allows(self, claim: Claim) -> bool:
        """Tell whether a claim may start, for all that is known. Asks nobody."""
        return not self._asked or (claim.seq, claim.attempt) not in self._asked
