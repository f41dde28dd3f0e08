"""Taking jobs back from workers that are gone."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import F, Q

from django_taskq.jobs.attempt import MOST_KEPT, AttemptRecord, taken_attempt
from django_taskq.jobs.fate import Death, Fate, fate_of
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.reasons import FELL_SILENT, SUSPECT
from django_taskq.jobs.states import ENDED, State
from django_taskq.models import Attempt
from django_taskq.stores.database.attempts import trim_attempts
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.endings import attempt_row
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.ripples import Ripples

# Jobs per transaction.
CHUNK = 500


class Orphan(NamedTuple):
    """A running job whose worker is gone."""

    seq: int
    id: str
    attempt: int
    tries: int
    lost: int
    max_tries: int | None
    claimed_at: datetime | None
    started_at: datetime | None
    cancel_asked_at: datetime | None
    worker_ids: str | None
    worker_id: str | None

    @property
    def has_started(self) -> bool:
        """Whether the job is known to have started, and may have taken its worker down."""
        if self.started_at is None or self.claimed_at is None:
            return False
        return self.started_at >= self.claimed_at


# The columns of Orphan; what it calls started_at is the start of the last attempt.
_COLUMNS = (
    "pk", "public_id", "attempt", "tries", "lost", "max_tries", "claimed_at",
    "last_attempted_at", "cancel_asked_at", "worker_ids", "worker_id",
)  # fmt: skip


class Loss(NamedTuple):
    """A job that was taken back, and where it went."""

    orphan: Orphan
    fate: Fate


class Losses:
    """Gives back or ends what workers held that are gone."""

    def __init__(self, place: Place, ripples: Ripples) -> None:
        self.place = place
        self._ripples = ripples

    def lose(self, fences: Sequence[Fence], death: Death) -> list[State | None]:
        """Take back attempts that had started; return the new states, None where refused."""
        states: dict[Fence, State] = {}
        # In the order of seq, in which everybody locks, so that nobody waits in a circle.
        ordered = sorted(set(fences))
        for start in range(0, len(ordered), CHUNK):
            chunk = ordered[start : start + CHUNK]
            for orphan, fate in self.place.settle(self._lose, frozenset(chunk), death):
                states[Fence(orphan.seq, orphan.attempt)] = fate.state
        return [states.pop(fence, None) for fence in map(Fence._make, fences)]

    def take_back(self, worker_id: str | None, *, is_solo: bool) -> list[Loss]:
        """Take back all that a worker holds that fell silent; return what became of each."""
        death = Death(worker_id or "(unknown)", FELL_SILENT, was_alone=is_solo)
        losses: list[Loss] = []
        while found := self.place.settle(self._take_back, worker_id, death):
            losses.extend(found)
        return losses

    def _lose(self, fences: frozenset[Fence], death: Death) -> list[Loss]:
        now = self.place.clock.read(self.place.connection)
        seqs = [seq for seq, _ in fences]
        with self.place.transaction():
            held = self._lock(Q(worker_id=death.worker_id, pk__in=seqs))
            fenced = [orphan for orphan in held if (orphan.seq, orphan.attempt) in fences]
            return self._write([self._loss(orphan, death) for orphan in fenced], now)

    def _take_back(self, worker_id: str | None, death: Death) -> list[Loss]:
        now = self.place.clock.read(self.place.connection)
        held = Q(worker_id__isnull=True) if worker_id is None else Q(worker_id=worker_id)
        with self.place.transaction():
            losses = [
                # A solo worker starts its one job at once, and may die before that is noted.
                self._loss(orphan, death if orphan.has_started or death.was_alone else None)
                for orphan in self._lock(held)
            ]
            return self._write(losses, now)

    def _lock(self, held: Q) -> list[Orphan]:
        rows = self.place.jobs().filter(held, state=State.RUNNING).order_by("pk")
        return [_orphan_of(row) for row in rows.select_for_update().values_list(*_COLUMNS)[:CHUNK]]

    def _loss(self, orphan: Orphan, death: Death | None) -> Loss:
        fate = fate_of(
            death,
            tries=orphan.tries,
            lost=orphan.lost,
            max_tries=orphan.max_tries,
            max_lost=self.place.options.max_lost,
            is_cancel_asked=orphan.cancel_asked_at is not None,
        )
        return Loss(orphan, fate)

    def _write(self, losses: list[Loss], now: datetime) -> list[Loss]:
        """Write locked jobs, those alike together, and the rows about their attempts."""
        for _, group in groupby(sorted(losses, key=_alike), _alike):
            together = list(group)
            jobs = self.place.jobs().filter(pk__in=[loss.orphan.seq for loss in together])
            jobs.update(**_columns(together[0], now))
        self._write_attempts(losses, now)
        ended = [orphan.seq for orphan, fate in losses if fate.state in ENDED]
        if ended:
            self._ripples.spread(ended)
            self._ripples.look_again(ended)
        return losses

    def _write_attempts(self, losses: Sequence[Loss], now: datetime) -> None:
        rows = [
            attempt_row(loss.orphan.seq, kept)
            for loss in losses
            if (kept := _attempt_of(loss, now)) is not None
        ]
        if rows:
            Attempt._default_manager.using(self.place.database).bulk_create(rows)
        long = [row.job_id for row in rows if row.attempt > MOST_KEPT]
        if long:
            trim_attempts(self.place, long)


def _alike(loss: Loss) -> tuple[str, ...]:
    """Return what the columns of a job hang on."""
    return tuple(map(repr, (loss.fate, loss.fate.death and loss.orphan.worker_ids)))


def _orphan_of(row: Sequence[Any]) -> Orphan:
    orphan = Orphan(*row)
    return orphan._replace(
        id=str(orphan.id),
        claimed_at=aware(orphan.claimed_at),
        started_at=aware(orphan.started_at),
    )


def _attempt_of(loss: Loss, now: datetime) -> AttemptRecord | None:
    orphan, fate = loss
    started_at = orphan.started_at if orphan.has_started else None
    return taken_attempt(orphan.attempt, orphan.worker_id or "", fate, started_at, now)


def _columns(loss: Loss, now: datetime) -> dict[str, Any]:
    orphan, fate = loss
    columns: dict[str, Any] = {
        "state": fate.state,
        "failure": fate.failure,
        "reason": fate.reason,
    }
    if fate.death is not None:
        columns["worker_ids"] = _with_worker(orphan.worker_ids, fate.death.worker_id)
    if fate.counts_lost:
        columns["lost"] = F("lost") + 1
    if fate.costs_try:
        columns["tries"] = F("tries") + 1
    if fate.state is State.READY:
        columns |= {"worker_id": None, "claimed_at": None}
    else:
        columns |= {"finished_at": storable(now), "unique_key": None}
    if fate.is_suspect:
        columns |= {"eligible_at": storable(now), "is_parked": True, "parked_for": SUSPECT}
    return columns


def _with_worker(worker_ids: str | None, worker_id: str) -> str:
    """Add the worker to the list of those that started the job; a broken list starts anew."""
    try:
        known = json.loads(worker_ids or "[]")
    except ValueError:
        known = []
    return json.dumps([*(known if isinstance(known, list) else []), worker_id])
