"""Walks along the indexes over jobs that are handed out elsewhere, a page at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import BooleanField, F, Q
from django.db.models.expressions import RawSQL

from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import State
from django_taskq.jobs.sweeps import Handed, Page
from django_taskq.models import Job
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.finishes import Finishes
from django_taskq.stores.database.handing import Handing
from django_taskq.stores.database.place import Place
from django_taskq.stores.losing import FindAstray

HANDED = (State.READY, State.SCHEDULED, State.RUNNING)


class Walk(NamedTuple):
    """Which rows a walk is about, and the columns of the index that it goes along; seq is last."""

    which: Q
    columns: tuple[str, ...]


# In the order in which a look at everything takes them.
WALKS = {
    "ready": Walk(
        Q(state=State.READY, is_parked=False), ("queue", "band", "gate", "tenant", "rank", "seq")
    ),
    "parked": Walk(
        Q(is_parked=True, parked_for__isnull=False, state=State.READY),
        ("parked_for", "rank", "seq"),
    ),
    "scheduled": Walk(Q(state=State.SCHEDULED, due_at__isnull=False), ("due_at", "seq")),
    "running": Walk(Q(state=State.RUNNING, worker_id__isnull=False), ("worker_id", "seq")),
}


class Walks:
    """Finds rows to be compared with what hands them out, and has them handed out anew."""

    def __init__(self, place: Place, finishes: Finishes, handing: Handing) -> None:
        self.place = place
        self._finishes = finishes
        self._handing = handing

    def page(self, walk: str, after: Sequence[int | str] | None, limit: int) -> Page:
        """Return at most `limit` rows of a walk, those behind where a page has ended."""
        which, columns = WALKS[walk]
        rows = self.place.jobs().filter(which).order_by(*columns)
        if after is not None:
            rows = rows.filter(self._behind(columns, after))
        found = list(rows.values_list(*columns)[:limit])
        is_running = walk == "running"
        handed = [Handed(row[-1], row[0] if is_running else None) for row in found]
        return Page(
            handed, [_written(value) for value in found[-1]] if len(found) == limit else None
        )

    def last(self) -> int:
        """Return the number of the newest row of all."""
        newest = Job._default_manager.using(self.place.database).order_by("-pk")
        return newest.values_list("pk", flat=True).first() or 0

    def newest(self, after: int, until: int, limit: int) -> list[Handed]:
        """Return at most `limit` rows with numbers between these, the second one included."""
        rows = self.place.jobs().filter(pk__gt=after, pk__lte=until, state__in=HANDED)
        found = rows.order_by("pk").values_list("pk", "worker_id")[:limit]
        return [Handed(seq, worker_id) for seq, worker_id in found]

    def handed(self, seqs: Sequence[int]) -> frozenset[int]:
        """Return those of these numbers whose rows are there and wait or run."""
        rows = self.place.jobs().filter(self.place.among("seq", seqs), state__in=HANDED)
        return frozenset(rows.values_list("pk", flat=True))

    def stand_down(self, seqs: Sequence[int], find_astray: FindAstray) -> list[HandedJob]:
        """Have no attempt count that was handed out before of those jobs that are astray.

        One transaction, in which they are looked at once more: whoever hands them over in the
        ordinary way has their locks. What runs is given back free of charge, or ends if it was
        asked to stop. Return all these as they stand then.
        """
        return self.place.settle(self._stand_down, seqs, find_astray)

    def _stand_down(self, seqs: Sequence[int], find_astray: FindAstray) -> list[HandedJob]:
        place = self.place
        with place.transaction():
            # In the order of their numbers, in which everybody locks.
            which = Q(place.among("seq", seqs), state__in=HANDED)
            jobs = {job.seq: job for job in self._handing.select(which, is_locked=True)}
            workers = self._workers([seq for seq in jobs if jobs[seq].state == State.RUNNING])
            astray = find_astray([Handed(seq, workers.get(seq)) for seq in jobs])
            held = [seq for seq in astray if seq in workers]
            for seq in held:
                given_back = Outcome(seq, jobs[seq].attempt, Verdict.RELEASED)
                self._finishes.write(workers[seq], [given_back])
            waiting = place.jobs().filter(place.among("seq", astray), state__in=HANDED[:2])
            waiting.update(attempt=F("attempt") + 1)
            if held:
                free = self._handing.by_seqs(held, is_locked=False)
                jobs |= {job.seq: job for job in free}
        return [
            jobs[seq] if seq in workers else jobs[seq]._replace(attempt=jobs[seq].attempt + 1)
            for seq in astray
        ]

    def _workers(self, seqs: Sequence[int]) -> dict[int, str]:
        """Return who runs these jobs, as far as their rows know."""
        if not seqs:
            return {}
        running = self.place.jobs().filter(self.place.among("seq", seqs), worker_id__isnull=False)
        return {seq: str(worker) for seq, worker in running.values_list("pk", "worker_id")}

    def _behind(self, columns: Sequence[str], after: Sequence[int | str]) -> RawSQL:
        """Return the condition that a row comes after these values of an index.

        As one comparison of rows: databases that can begin there in the index then do.
        """
        connection = self.place.connection
        quoted = ", ".join(map(connection.ops.quote_name, columns))
        places = ", ".join(["%s"] * len(columns))
        values = [self._read(name, value) for name, value in zip(columns, after, strict=True)]
        return RawSQL(f"({quoted}) > ({places})", values, output_field=BooleanField())

    def _read(self, column: str, value: int | str) -> Any:
        if column != "due_at":
            return value
        moment = storable(datetime.fromisoformat(str(value)))
        return self.place.connection.ops.adapt_datetimefield_value(moment)


def _written(value: Any) -> int | str:
    if isinstance(value, datetime):
        return aware(value).isoformat()
    written: int | str = value
    return written
