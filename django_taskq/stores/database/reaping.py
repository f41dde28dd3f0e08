"""Finding workers that are gone."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, QuerySet

from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.models import Job, Worker
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.inserts import Announce
from django_taskq.stores.database.losses import Loss, Losses
from django_taskq.stores.database.place import Place, any_of


class Reaping:
    """Finds workers that are gone, and gives back or ends what they held."""

    def __init__(self, place: Place, losses: Losses, announce: Announce) -> None:
        self.place = place
        self._losses = losses
        self._announce = announce

    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over or that are not known at all."""
        if not self._has_work():
            return Reaped()
        lost = self.place.settle(self._mark_lost)
        orphaning = list(self._orphans().values_list("worker_id", flat=True).distinct())
        if not orphaning:
            return Reaped(tuple(lost))
        known = self.place.workers().filter(pk__in=[id for id in orphaning if id is not None])
        solo = set(known.filter(is_solo=True).values_list("pk", flat=True))
        losses = [
            loss
            for worker_id in orphaning
            for loss in self._losses.take_back(worker_id, is_solo=worker_id in solo)
        ]
        reaped = reaped_of(losses)
        if reaped.released:
            self._announce()
        return reaped._replace(workers=tuple(lost))

    def _has_work(self) -> bool:
        """Tell by one statement whether a lease is over or a job is held by nobody alive."""
        return any_of(self._over(), self._orphans())

    def _over(self) -> QuerySet[Worker]:
        """Return the workers whose lease has run out."""
        now = self.place.clock.expression(self.place.connection)
        over = self.place.workers().filter(lost_at__isnull=True, expires_at__lt=now)
        return over.order_by("expires_at")

    def _orphans(self) -> QuerySet[Job]:
        """Return the running jobs whose workers are lost or unknown.

        One statement sees one moment, in which nobody holds a job who has not joined before.
        A running job without a worker is among them: no verb leaves one, but nothing else
        would ever take it back.
        """
        alive = self.place.workers().filter(pk=OuterRef("worker_id"), lost_at__isnull=True)
        orphans = self.place.jobs().filter(~Exists(alive), state=State.RUNNING)
        return orphans.order_by("worker_id")

    def _mark_lost(self) -> list[str]:
        now = self.place.clock.read(self.place.connection)
        with self.place.transaction():
            over = self._over().order_by("pk").select_for_update()
            ids = list(over.values_list("pk", flat=True))
            self.place.workers().filter(pk__in=ids).update(lost_at=storable(now), is_idle=False)
        return ids


def reaped_of(losses: Sequence[Loss]) -> Reaped:
    """Return what became of jobs that were taken back."""
    fates = [(orphan.id, fate) for orphan, fate in losses]
    suspects = sum(fate.is_suspect for _, fate in fates)
    released = sum(fate.state is State.READY for _, fate in fates) - suspects
    failed, canceled = (
        tuple(id for id, fate in fates if fate.state is state)
        for state in (State.FAILED, State.CANCELED)
    )
    return Reaped((), released, failed, suspects, canceled)
