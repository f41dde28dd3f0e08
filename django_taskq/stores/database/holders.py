"""Who holds a predictable id: looks that see what was committed a moment ago."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError

from django_taskq.exceptions import TaskqError
from django_taskq.jobs.change import UNSEEN
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Holder
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.rows import state_of

# Keys per statement.
CHUNK = 1000

# How often one retry asks again: each time the holder of its key has ended in between.
MOST_LOOKS = 20

# A job that has never started, so that nobody has seen what it was to do.
FRESH: dict[str, Any] = {
    "state__in": (State.READY, State.SCHEDULED),
    "started_at__isnull": True,
    "worker_ids__isnull": True,
    "is_parked": False,
}

_COLUMNS = (
    "unique_key", "public_id", "state", "enqueued_at", "eligible_at", "started_at", "worker_ids",
    "is_parked",
)  # fmt: skip


class HolderLeft(TaskqError):
    """The job that held a predictable id has ended while it was looked at."""


class Holders:
    """Finds the unfinished jobs that hold keys, and gives keys back to ended ones.

    With `sees_commits` a plain read sees what was committed before it; else, as in REPEATABLE
    READ, only one that locks does, and then the holder waits for the caller's transaction.
    """

    def __init__(self, place: Place, *, sees_commits: bool) -> None:
        self.place = place
        self._sees_commits = sees_commits

    def look(self, keys: Sequence[str]) -> dict[str, Holder]:
        """Return the holders of keys as the caller's transaction sees them, without a lock."""
        return self._find(keys, self.place.jobs())

    def find(self, keys: Sequence[str]) -> dict[str, Holder]:
        """Return the holders of keys as they are now. Call it in a transaction."""
        jobs = self.place.jobs().order_by("pk")
        return self._find(keys, jobs if self._sees_commits else jobs.select_for_update())

    def give_back(self, seqs: Iterable[tuple[str, int]]) -> dict[int, str]:
        """Give locked, ended jobs their keys, in the order of the keys; each comes with its seq.

        Return of those that did not get theirs, since another job holds it, that job's id.
        """
        held: dict[int, str] = {}
        given: dict[str, int] = {}
        for key, seq in sorted(seqs):
            if key in given:
                held[seq] = str(self._id_of(given[key]))
                continue
            holder = self._give(key, seq)
            if holder is None:
                given[key] = seq
            else:
                held[seq] = holder
        return held

    def _give(self, key: str, seq: int) -> str | None:
        # Tried before it is looked at: the index waits for those who are about to take the key.
        for _ in range(MOST_LOOKS):
            try:
                with self.place.transaction():
                    self.place.jobs().filter(pk=seq).update(unique_key=key)
                return None
            except IntegrityError:
                holder = self.find([key]).get(key)
            if holder is not None:
                return holder.id
        return UNSEEN

    def _id_of(self, seq: int) -> Any:
        return self.place.jobs().values_list("public_id", flat=True).get(pk=seq)

    def _find(self, keys: Sequence[str], jobs: Any) -> dict[str, Holder]:
        wanted = list(dict.fromkeys(keys))
        return {
            row[0]: _holder_of(row)
            for start in range(0, len(wanted), CHUNK)
            for row in jobs.filter(unique_key__in=wanted[start : start + CHUNK]).values_list(
                *_COLUMNS
            )
        }


def _holder_of(row: Sequence[Any]) -> Holder:
    _, id, state, enqueued_at, eligible_at, started_at, worker_ids, is_parked = row
    is_untouched = started_at is None and worker_ids is None and not is_parked
    return Holder(
        str(id),
        state_of(state),
        aware(enqueued_at),
        aware(eligible_at),
        is_untouched and state in FRESH["state__in"],
    )
