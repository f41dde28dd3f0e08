"""What the end of jobs does to those that wait for them, written in the transaction of that end."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F, Value

from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.reasons import blocked_reason, final_reason, never_reason
from django_taskq.jobs.ripple import Edge, Move, Ripple, Waiting, spread
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.trigger import Decision, Standing, standing_of
from django_taskq.models import Dependency
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.edges import NewEdge, write_edges
from django_taskq.stores.database.place import Place

# Seqs per statement.
CHUNK = 1000

# All jobs that wait, by any number of steps, for one of these. Inputs: seqs, as many placeholders.
_BELOW = """
WITH RECURSIVE below (seq) AS (
    SELECT downstream_id FROM taskq_dependency WHERE upstream_id IN ({seqs})
    UNION
    SELECT dependency.downstream_id
    FROM below
    JOIN taskq_job AS job ON job.seq = below.seq AND job.state = 'DEFERRED'
    JOIN taskq_dependency AS dependency ON dependency.upstream_id = below.seq
)
SELECT seq FROM below ORDER BY seq
"""

# Read edges and how their upstreams stand, deleted ones too. Inputs: seqs, as many placeholders.
_EDGES = """
SELECT
    dependency.id, downstream_id, upstream_id, counted_as, upstream_public_id, job.state,
    job.is_blocked
FROM taskq_dependency AS dependency
LEFT JOIN taskq_job AS job ON job.seq = dependency.upstream_id
WHERE upstream_id IS NOT NULL AND {which} IN ({seqs})
"""
_FROM = _EDGES.replace("{which}", "upstream_id")
_OF = _EDGES.replace("{which}", "downstream_id")

# Who waits, or has waited, for one of these jobs. Inputs: as above.
_DOWNSTREAMS = "SELECT DISTINCT downstream_id FROM taskq_dependency WHERE upstream_id IN ({seqs})"

# Tell whether anybody does.
_HAS_EDGES = "SELECT 1 FROM taskq_dependency WHERE upstream_id IN ({seqs}) LIMIT 1"

# How a job counts for those that wait for it, '' while that is open.
STANDS = """CASE
    WHEN job.state IN ('SUCCESSFUL', 'FAILED', 'SKIPPED', 'CANCELED') THEN LOWER(job.state)
    WHEN job.state = 'DEFERRED' AND job.is_blocked THEN 'blocked'
    ELSE ''
END"""

# Tell whether one of these jobs counts otherwise than it stands. Inputs: as above.
_HAS_STALE = f"""
SELECT 1
FROM taskq_dependency AS dependency
JOIN taskq_job AS job ON job.seq = dependency.upstream_id
WHERE upstream_id IN ({{seqs}}) AND COALESCE(counted_as, '') <> {STANDS}
LIMIT 1
"""


# The columns of a job that nothing blocks.
_FREE: dict[str, Any] = {"is_blocked": False, "blocked_for": None, "blocked_at": None}


class Deferred(NamedTuple):
    """What is read of a waiting job beside its score."""

    id: str
    run_after: datetime | None


class Ripples:
    """Counts ended jobs for those that wait for them, and moves these as their rules say.

    Everybody locks in the order of seq: first the jobs that end, then those that wait for them.
    The count of an edge changes only under the lock of the job that waits. What others attach
    meanwhile cannot be seen in the transaction of the end, nor can they see that: both look once
    more after their commit, so that one of them finds the other.
    """

    # Whether transactions that write stand in one line, so that nobody misses another one.
    is_serial: ClassVar[bool] = False

    def __init__(self, place: Place, announce: Callable[[], None]) -> None:
        self.place = place
        self._announce = announce
        # Whether somebody waited for the last jobs that were looked at: a guess about the next,
        # which saves a question.
        self.expects_edges = False
        self._owed = deque[int]()
        # Hears which jobs were moved, in the transaction that moved them.
        self.on_moved: Callable[[Sequence[int]], None] | None = None
        # Takes the ids of jobs that fell, once that is committed.
        self.on_fallen: Callable[[Sequence[str]], None] | None = None

    def spread(self, seqs: Iterable[int]) -> None:
        """Have those who wait know how these jobs stand now; in the transaction that wrote it."""
        for chunk in _chunks(sorted(seqs)):
            if self.expects_edges or self.has_edges(chunk):
                downstreams = sorted(seq for (seq,) in self._ask(_DOWNSTREAMS, chunk))
                self.expects_edges = bool(downstreams)
                self._settle(self._lock_all(downstreams), _FROM, chunk)

    def decide(self, waiting: Sequence[int]) -> None:
        """Decide about jobs that wait, by how all their upstreams stand now; in a transaction."""
        for chunk in _chunks(sorted(waiting)):
            locked = self._lock(pk__in=chunk)
            seqs = list(locked.waiting)
            self._settle(locked, _OF, seqs, also=seqs)

    def add(self, edges: Sequence[NewEdge]) -> None:
        """Store new edges, in their order, in a transaction."""
        write_edges(self.place, edges)

    def lock_below(self, seqs: Sequence[int]) -> list[int]:
        """Lock the jobs that wait for these; return which those are."""
        downstreams = sorted({seq for (seq,) in self._ask(_DOWNSTREAMS, seqs)})
        return list(self._lock_all(downstreams).waiting)

    def look_again(self, seqs: Iterable[int]) -> None:
        """Once the caller's transaction is committed, look for those who attached meanwhile."""
        sources = list(seqs)
        if sources and not self.is_serial:
            look = partial(self._look, sources)
            transaction.on_commit(look, using=self.place.database, robust=True)

    def owe_looks(self, seqs: Iterable[int]) -> None:
        """Have the next `pay_looks` look again for those who wait for these."""
        if not self.is_serial:
            self._owed.extend(seqs)

    def pay_looks(self) -> None:
        """Look again, as above, for all that is owed; any thread may pay for another one."""
        owed: list[int] = []
        with suppress(IndexError):
            while True:
                owed.append(self._owed.popleft())
        self.look_again(owed)

    def _look(self, sources: Sequence[int]) -> None:
        for chunk in _chunks(sources):
            if (self.expects_edges or self.has_edges(chunk)) and self.has_stale(chunk):
                self.place.settle(self._spread_again, chunk)

    def _spread_again(self, sources: Sequence[int]) -> None:
        with self.place.transaction():
            self.spread(sources)

    def has_stale(self, sources: Sequence[int]) -> bool:
        """Tell whether one of these jobs counts otherwise than it stands."""
        return bool(self._ask(_HAS_STALE, sources))

    def _settle(
        self, locked: "_Locked", edges: str, seqs: Sequence[int], also: Sequence[int] = ()
    ) -> None:
        """Write what these edges mean for locked jobs, then for all that wait for these."""
        if not locked.waiting:
            return
        ripple = self._write(locked, self._ask(edges, seqs), also)
        for chunk in _chunks(sorted(ripple.standings)):
            below = self._below(chunk)
            deeper = self._lock_all(below)
            if deeper.waiting:
                found = [
                    row for part in _chunks([*chunk, *below]) for row in self._ask(_FROM, part)
                ]
                self._write(deeper, found, ())

    def _write(self, locked: "_Locked", found: list[Any], also: Sequence[int]) -> Ripple:
        edges: dict[int, list[Edge]] = {}
        standings: dict[int, Standing | None] = {}
        names = {seq: row.id for seq, row in locked.rows.items()}
        for id, downstream, upstream, counted, name, state, is_blocked in found:
            standing = standing_of(state, is_blocked)
            if downstream not in locked.waiting:
                continue
            edge = Edge(id, downstream, upstream, None if counted is None else Standing(counted))
            edges.setdefault(upstream, []).append(edge)
            standings[upstream] = standing
            names[upstream] = str(UUID(str(name)))
        rules = {seq: job.rule for seq, job in locked.waiting.items()}
        ripple = spread(locked.waiting, edges, standings, also)
        if ripple.edges or ripple.moves:
            self._write_edges(ripple.edges)
            self._write_jobs(ripple, locked, rules, names)
        return ripple

    def _write_edges(self, edges: Sequence[Edge]) -> None:
        final = {edge.id: edge.counted for edge in edges}
        ordered = sorted(final, key=lambda id: (final[id] or "", id))
        for counted, ids in groupby(ordered, lambda id: final[id]):
            for chunk in _chunks(list(ids)):
                self._edges(pk__in=chunk).update(counted_as=counted)

    def _write_jobs(
        self,
        ripple: Ripple,
        locked: "_Locked",
        rules: dict[int, TriggerRule],
        names: dict[int, str],
    ) -> None:
        now = self._now_for(ripple, locked)
        # One expression for all: no two are written alike.
        moment = self.place.clock.expression(self.place.connection)
        at_once = {**_FREE, "state": State.READY, "eligible_at": moment}
        alike: dict[str, tuple[dict[str, Any], list[int]]] = {}
        for seq in sorted(ripple.touched.keys() | ripple.moves.keys()):
            columns: dict[str, Any] = {}
            score = ripple.touched.get(seq)
            if score is not None:
                columns |= {
                    "upstream_successful": score.successful,
                    "upstream_failed": score.failed,
                    "upstream_skipped": score.skipped,
                }
            move = ripple.moves.get(seq)
            if move is not None and now is None:
                columns |= at_once
            elif move is not None and now is not None:
                upstream = names.get(move.cause.upstream or 0, "")
                columns |= self._columns(move, rules[seq], upstream, locked.rows[seq], now)
            alike.setdefault(repr(columns), (columns, []))[1].append(seq)
        for columns, seqs in alike.values():
            for chunk in _chunks(seqs):
                self.place.jobs().filter(pk__in=chunk).update(**columns)
        if any(move.decision is Decision.RUN for move in ripple.moves.values()):
            self._announce()
        self.tell_moved(sorted(ripple.moves))
        self.tell_fallen(
            [locked.rows[seq].id for seq, move in ripple.moves.items() if move.is_canceled]
        )

    def tell_moved(self, seqs: Sequence[int]) -> None:
        """Tell whoever asked for it which jobs were moved; in the transaction that moved them."""
        if seqs and self.on_moved is not None:
            self.on_moved(seqs)

    def tell_fallen(self, ids: Sequence[str]) -> None:
        """Have it known, once the caller's transaction is committed, which jobs fell."""
        if ids and self.on_fallen is not None:
            note = partial(self.on_fallen, ids)
            transaction.on_commit(note, using=self.place.database, robust=True)

    def _columns(
        self, move: Move, rule: TriggerRule, upstream: str, row: Deferred, now: datetime
    ) -> dict[str, Any]:
        free = _FREE
        if move.decision is Decision.RUN:
            if row.run_after is not None and row.run_after > now:
                return free | {"state": State.SCHEDULED, "due_at": storable(row.run_after)}
            ready = {"state": State.READY, "eligible_at": storable(now)}
            return free | ready | ranks_from(self.place, now)
        standing = move.cause.standing
        if move.decision is Decision.SKIP or move.is_canceled:
            is_skipped = move.decision is Decision.SKIP
            return free | {
                "state": State.SKIPPED if is_skipped else State.CANCELED,
                "failure": Failure.DEPENDENCY,
                "reason": never_reason(rule, upstream, standing)
                if is_skipped
                else final_reason(upstream, standing),
                "finished_at": storable(now),
                "unique_key": None,
            }
        if move.decision is Decision.BLOCK:
            return {
                "is_blocked": True,
                "blocked_for": blocked_reason(upstream, standing),
                "blocked_at": storable(now),
            }
        return free

    def _now_for(self, ripple: Ripple, locked: "_Locked") -> datetime | None:
        """Return the time, None where all that move may run at once."""
        if self.place.options.priority_aging is None and all(
            move.decision is Decision.RUN and locked.rows[seq].run_after is None
            for seq, move in ripple.moves.items()
        ):
            return None
        return self.place.clock.read(self.place.connection)

    def _lock_all(self, seqs: Sequence[int]) -> "_Locked":
        locked = _Locked({}, {})
        for chunk in _chunks(seqs):
            locked.add(self._lock(pk__in=chunk))
        return locked

    def _lock(self, **which: Any) -> "_Locked":
        jobs = self.place.jobs().filter(state=State.DEFERRED, **which).order_by("pk")
        rows = jobs.select_for_update().values_list(
            "pk", "public_id", "run_after", "trigger_rule", "upstream_total",
            "upstream_successful", "upstream_failed", "upstream_skipped", "is_blocked",
        )  # fmt: skip
        locked = _Locked({}, {})
        for seq, id, run_after, rule, total, successful, failed, skipped, is_blocked in rows:
            locked.rows[seq] = Deferred(str(id), aware(run_after))
            locked.waiting[seq] = Waiting(
                seq, TriggerRule(rule or TriggerRule.ALL_SUCCESS), total or 0, successful or 0,
                failed or 0, skipped or 0, is_blocked=is_blocked,
            )  # fmt: skip
        return locked

    def _below(self, seqs: Sequence[int]) -> list[int]:
        return [seq for (seq,) in self._ask(_BELOW, seqs)]

    def has_edges(self, seqs: Sequence[int]) -> bool:
        """Tell whether anything waits, or has waited, for one of these jobs."""
        return bool(self._ask(_HAS_EDGES, seqs))

    def _ask(self, statement: str, seqs: Sequence[int]) -> list[Any]:
        with self.place.connection.cursor() as cursor:
            cursor.execute(statement.format(seqs=", ".join(["%s"] * len(seqs))), list(seqs))
            rows: list[Any] = cursor.fetchall()
        return rows

    def _edges(self, **which: Any) -> Any:
        return Dependency._default_manager.using(self.place.database).filter(**which)


class _Locked(NamedTuple):
    """Waiting jobs whose rows are locked."""

    waiting: dict[int, Waiting]
    rows: dict[int, Deferred]

    def add(self, other: "_Locked") -> None:
        """Take in others."""
        self.waiting.update(other.waiting)
        self.rows.update(other.rows)


def ranks_from(place: Place, now: datetime) -> dict[str, Any]:
    """With PRIORITY_AGING a job waits from now on, not from the time it was meant for."""
    aging = place.options.priority_aging
    if aging is None:
        return {}
    moment, point = int(now.timestamp() * 1000), int(aging * 1000)
    return {"rank": Value(moment) - F("priority") * Value(point)}


def _chunks(seqs: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(seqs), CHUNK):
        yield seqs[start : start + CHUNK]
