"""What a memory store knows of one worker's claims."""

from django_taskq.jobs.fairness import Accounts
from django_taskq.jobs.turns import Turns
from django_taskq.stores.memory.job import MemoryJob


class Hand:
    """The jobs that a worker holds by seq, whom it has served, and what it owes to whom.

    `opens_at` is when a limit that its last claim met lets a job start, on the monotonic clock.
    """

    __slots__ = ("_ended", "accounts", "jobs", "opens_at", "turns")

    def __init__(self, tenant_share: float | None) -> None:
        self.jobs: dict[int, MemoryJob] = {}
        self.accounts = Accounts(tenant_share)
        self.turns = Turns()
        self.opens_at: float | None = None
        self._ended: list[tuple[int, float | None]] = []

    def let_go(self, seq: int, seconds: float | None) -> None:
        """Take a job out; `seconds` is how long it ran, None where it never did."""
        del self.jobs[seq]
        # Together they take half as long, and nobody asks before the next claim.
        self._ended.append((seq, seconds))
        if not self.jobs:
            self.settle()

    def settle(self) -> None:
        """Bring the accounts up to date."""
        for seq, seconds in self._ended:
            self.accounts.settle(seq, seconds)
        self._ended.clear()
