"""The store of Redis as the half of a pair: it hands out what stands in rows elsewhere."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django_taskq.jobs.fence import Fence
from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.workers import Beat, Pulse
from django_taskq.options import Options
from django_taskq.stores.archive import Archive
from django_taskq.stores.pairing import Grave, Hold, Line
from django_taskq.stores.redis.epochs import RedisEpochs
from django_taskq.stores.redis.handing import Handing
from django_taskq.stores.redis.scripts import Scripts
from django_taskq.stores.redis.store import RedisStore
from django_taskq.stores.redis.sweeping import Sweeping


class PairedRedis(RedisStore, Line):
    """Hands out jobs, within limits and in turn, and knows who holds which; ends none.

    `quick_client` returns a client that waits for no answer for long: what goes through it
    happens where a caller of `enqueue` waits. `archive` are the rows.
    """

    def __init__(
        self,
        alias: str,
        options: Options,
        *,
        client: Callable[[], Any],
        quick_client: Callable[[], Any],
        archive: Archive,
        rules: Callable[[], Rules],
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(alias, options, client=client, archive=archive, rules=rules, clock=clock)
        self._quick = Scripts(quick_client, self.scripts.keys, clock)
        self._handing = Handing(self._quick)
        self.epochs = RedisEpochs(Scripts(client, self.scripts.keys, clock))
        self.sweeping = Sweeping(self.scripts)
        self.patient = Handing(self.scripts)

    def expect(self, epoch: Callable[[], int | None]) -> None:
        """Do nothing but in this epoch; raise EpochLost in another one."""
        for scripts in (self.scripts, self._quick):
            scripts.expect(epoch)

    def ask(self) -> None:
        """Ask for an answer, and wait for a moment."""
        self._quick.client().ping()

    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker for all its jobs at once, and note its pulse."""
        beat, _ = self._leases.heartbeat(worker_id, pulse)
        if not beat.is_alive:
            self._hands.drop(worker_id)
        return beat

    @property
    def is_limited(self) -> bool:
        """Whether operators bound or pause anything, so that an end may let a job start."""
        return self._rulings.has_limits

    def give(self, jobs: Sequence[HandedJob], *, is_locked: bool) -> int:
        """Make what is here of jobs say what their rows say; return how many were entered.

        Rows that were not locked may have ended since they were read: such jobs stay away.
        """
        return self._handing.give(jobs, is_locked=is_locked)

    def drop(self, seqs: Sequence[int]) -> None:
        """Have jobs leave whose rows are gone."""
        self._handing.drop(seqs)

    def free(self, worker_id: str, fences: Sequence[Fence]) -> None:
        """Take jobs that have ended out of the hand of a worker; nothing stays of them."""
        self._handing.free(worker_id, fences, is_limited=self.is_limited)

    def look(self, keys: Sequence[int | str]) -> dict[int, Hold]:
        """Return where jobs stand that are here, by number."""
        return self._handing.look(keys)

    def withdraw(self, ids: Sequence[str]) -> list[Hold]:
        """Have jobs leave that wait; return those that somebody holds."""
        return self._handing.withdraw(ids)

    def running(self) -> list[int]:
        """Return the numbers of all jobs that are in somebody's hand."""
        return self._handing.running()

    def spent(self, keys: Sequence[str]) -> tuple[dict[str, int], dict[str, datetime | None]]:
        """Tell by their keys how many jobs run under limits, and when the next one may start."""
        return self._handing.spent(keys)

    def is_solo(self, worker_id: str) -> bool:
        """Tell whether a worker runs suspects."""
        return self._handing.is_solo(worker_id)

    def bury(self, worker_id: str | None = None) -> list[Grave]:
        """Take the leases that are over from their workers, or that of one; tell what they hold."""
        return self._handing.bury(worker_id)

    def drop_worker(self, worker_id: str) -> None:
        """Give up what this process keeps of a worker."""
        self._wakeups.forget(worker_id)
        self._hands.drop(worker_id)

    def forget_all(self, worker_ids: Sequence[str]) -> None:
        """Forget workers that have no lease and hold nothing any more."""
        self._handing.forget(worker_ids)

    def settle(self, worker_id: str, ends: Sequence[tuple[int, float | None]]) -> None:
        """Correct the accounts of a worker: jobs have left its hand."""
        self._settle(worker_id, ends)

    def listen(self, waiter: str, ids: Sequence[str]) -> None:
        """Have somebody told of the ends of jobs from now on, for a minute."""
        self._wakeups.listen(waiter, ids)

    def hear(self, waiter: str, timeout: float) -> None:
        """Sleep until an end is told to somebody, or the seconds are over."""
        self._wakeups.hear(waiter, timeout)

    def close(self) -> None:
        """Give up subscriptions and idle connections."""
        self._wakeups.close()
        self.scripts.close()
        self._quick.close()
