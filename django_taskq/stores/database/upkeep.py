"""Upkeep: due jobs become ready, ended ones leave. Any number of workers may do it at once."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat

from django_taskq.jobs.reasons import GIVEN_UP
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.upkeep import Promoted
from django_taskq.models import Attempt, Dependency, Job
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.inserts import Announce
from django_taskq.stores.database.place import Place, any_of
from django_taskq.stores.database.ripples import Ripples
from django_taskq.stores.database.xcoms import outlive

# Rows per transaction, so that nobody waits long for a lock of ours.
CHUNK = 1000

# How long the row of a lost worker stays to be looked at.
KEEP_LOST_WORKERS = timedelta(days=1)

# The states that each entry of RETENTION is about.
_RETAINED = {
    "successful": (State.SUCCESSFUL,),
    "failed": (State.FAILED, State.SKIPPED),
    "canceled": (State.CANCELED,),
}


class Upkeep:
    """Promotes due jobs and prunes ended ones, a batch at a time."""

    def __init__(self, place: Place, announce: Announce, ripples: Ripples) -> None:
        self.place = place
        self._ripples = ripples
        self._announce = announce

    def promote(self, limit: int) -> Promoted:
        """Make at most `limit` due jobs ready, the longest due first."""
        count = 0
        next_in = self._next_in()
        if next_in == 0.0:
            now = self.place.clock.read(self.place.connection)
            while count < limit:
                room = min(CHUNK, limit - count)
                moved = self.place.settle(self._promote, room, now)
                count += moved
                if moved < room:
                    break
            next_in = self._next_in()
        if count:
            self._announce()
        return Promoted(count, next_in)

    def _next_in(self) -> float | None:
        """Return the seconds until the next job is due."""
        place = self.place
        first = self._scheduled().order_by("due_at")
        moments = place.clock.read_beside(first, "due_at", place.connection)
        if moments is None:
            return None
        due_at, now = moments
        return max(0.0, (due_at - now).total_seconds())

    def _promote(self, limit: int, now: datetime) -> int:
        can_skip = self.place.connection.features.has_select_for_update_skip_locked
        with self.place.transaction():
            due = (
                self._scheduled()
                .filter(due_at__lte=storable(now))
                .order_by("due_at", "seq")
                .select_for_update(skip_locked=can_skip)
            )
            seqs = list(due.values_list("pk", flat=True)[:limit])
            # By their keys alone, for they are locked: beside the state PostgreSQL may walk the
            # index of all that are scheduled, as long as it has not analysed a table that grew.
            # In this order: MySQL reads a column as it stands after the assignments before.
            moved: int = (
                self.place.jobs()
                .filter(pk__in=seqs)
                .update(state=State.READY, eligible_at=F("due_at"), due_at=None)
            )
        return moved

    def _scheduled(self) -> Any:
        return self.place.jobs().filter(state=State.SCHEDULED, due_at__isnull=False)

    def prune(self, limit: int) -> int:
        """Delete at most `limit` jobs that ended longer ago than RETENTION says."""
        place = self.place
        now = place.clock.read(place.connection)
        lost = place.workers().filter(lost_at__lt=storable(now - KEEP_LOST_WORKERS))
        old = [self._old(state, cutoff) for state, cutoff in self._cutoffs(now)]
        blocked = self._blocked(now)
        # One statement says whether there is anything to do: most times there is not.
        if not any_of(lost.order_by("lost_at"), blocked, *old):
            return 0
        while self.place.settle(self._give_up, blocked, now) == CHUNK:
            pass
        count = 0
        for jobs in old:
            while count < limit:
                room = min(CHUNK, limit - count)
                deleted = place.settle(self._prune, jobs, room)
                count += deleted
                if deleted < room:
                    break
        lost.delete()
        return count

    def _cutoffs(self, now: datetime) -> Iterator[tuple[State, datetime]]:
        for group, states in _RETAINED.items():
            days = self.place.options.retention[group]
            if days is not None:
                for state in states:
                    yield state, now - timedelta(days=days)

    def _blocked(self, now: datetime) -> QuerySet[Job]:
        """Return the jobs that have been blocked for as long as failed ones are kept."""
        days = self.place.options.retention["failed"]
        blocked = self.place.jobs().filter(is_blocked=True, state=State.DEFERRED)
        if days is None:
            return blocked.none()
        long = blocked.filter(blocked_at__lt=storable(now - timedelta(days=days)))
        return long.order_by("blocked_at")

    def _give_up(self, blocked: QuerySet[Job], now: datetime) -> int:
        """End jobs that nobody has resumed, and what can no longer run without them."""
        seqs = list(blocked.values_list("pk", flat=True)[:CHUNK])
        with self.place.transaction():
            # Once more under a lock: one of them may have been resumed since.
            locked = blocked.filter(pk__in=seqs).order_by("pk").select_for_update()
            found = dict(locked.values_list("pk", "public_id"))
            ended = list(found)
            self.place.jobs().filter(pk__in=ended).update(
                state=State.CANCELED,
                failure=Failure.DEPENDENCY,
                reason=Concat(Value(GIVEN_UP), F("blocked_for")),
                finished_at=storable(now),
                unique_key=None,
                is_blocked=False,
                blocked_for=None,
                blocked_at=None,
            )
            self._ripples.tell_fallen([str(id) for id in found.values()])
            self._ripples.spread(ended)
            self._ripples.look_again(ended)
        return len(seqs)

    def _old(self, state: State, cutoff: datetime) -> QuerySet[Job]:
        old = self.place.jobs().filter(state=state, finished_at__lt=storable(cutoff))
        return old.order_by("finished_at")

    def _prune(self, old: QuerySet[Job], limit: int) -> int:
        seqs = list(old.values_list("pk", flat=True)[:limit])
        if not seqs:
            return 0
        can_skip = self.place.connection.features.has_select_for_update_skip_locked
        with self.place.transaction():
            # Once more under a lock: one of them may have been retried since.
            locked = old.filter(pk__in=seqs).order_by("pk")
            locked = locked.select_for_update(skip_locked=can_skip)
            found = list(locked.values_list("pk", flat=True))
            return delete_jobs(self.place, found, self._ripples)


def delete_jobs(place: Place, seqs: Sequence[int], ripples: Ripples) -> int:
    """Delete jobs that the caller has locked, and before them the rows about their attempts.

    Whoever waits for one of them is told; the edges stay for those who have run.
    """
    if not seqs:
        return 0
    outlive(place, seqs)
    Dependency._default_manager.using(place.database).filter(downstream_id__in=seqs)._raw_delete(
        place.database
    )
    # Past Django's collector, which would read every job and every attempt first.
    Attempt._default_manager.using(place.database).filter(job_id__in=seqs)._raw_delete(
        place.database
    )
    deleted = int(place.jobs().filter(pk__in=seqs)._raw_delete(place.database) or 0)
    ripples.spread(seqs)
    return deleted
