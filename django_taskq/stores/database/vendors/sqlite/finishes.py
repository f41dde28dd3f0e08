"""Finishes on SQLite: with the write lock held, a read is the fence and many writes are one."""

import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from django_taskq.jobs.fence import Note
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.states import ENDED, State
from django_taskq.stores.database.endings import Ending, is_plain
from django_taskq.stores.database.finishes import Finishes, Held, Written, ended_among
from django_taskq.stores.database.heirs import Heir
from django_taskq.stores.database.taken import Taken
from django_taskq.stores.database.vendors.sqlite.freeing import Freed, free
from django_taskq.stores.database.vendors.sqlite.moments import text_of, zone_of

_NONE = Freed([], [])

# Find the jobs that a worker still holds. Inputs: seqs as JSON, backend, worker.
_HOLD = """
SELECT seq, attempt, cancel_asked_at IS NOT NULL FROM taskq_job
WHERE seq IN (SELECT value FROM json_each(%s)) AND state = 'RUNNING' AND backend = %s
    AND worker_id = %s
"""

# Write the end of an attempt. Inputs: see `_values`; None keeps what can be kept.
_END = """
UPDATE taskq_job SET
    state = %s, failure = %s, reason = %s, result = %s, tries = tries + %s, finished_at = %s,
    due_at = %s, eligible_at = COALESCE(%s, eligible_at),
    started_at = COALESCE(started_at, %s), last_attempted_at = COALESCE(%s, last_attempted_at),
    worker_ids = COALESCE(%s, worker_ids), metadata = COALESCE(%s, metadata),
    progress = COALESCE(%s, progress), ctx = COALESCE(%s, ctx), {held}
WHERE seq = %s
"""
_END_FOR_GOOD = _END.format(held="unique_key = NULL")
_END_AND_GO_ON = _END.format(held="worker_id = NULL, claimed_at = NULL")

# Write a plain success. Inputs: see `_plain_values`.
_SUCCEED = """
UPDATE taskq_job SET
    state = 'SUCCESSFUL', failure = NULL, reason = NULL, result = %s, tries = tries + 1,
    finished_at = %s, started_at = COALESCE(started_at, %s), last_attempted_at = %s,
    worker_ids = %s, unique_key = NULL
WHERE seq = %s
"""

# Write a note. Inputs: started_at twice, progress, metadata, seq, attempt, worker.
_NOTE = """
UPDATE taskq_job SET
    started_at = COALESCE(started_at, %s), last_attempted_at = COALESCE(%s, last_attempted_at),
    progress = COALESCE(%s, progress), metadata = COALESCE(%s, metadata)
WHERE seq = %s AND state = 'RUNNING' AND attempt = %s AND worker_id = %s
"""


class SqliteFinishes(Finishes):
    """Writes a batch with one prepared statement, and what it frees with few others."""

    def write(self, worker_id: str, outcomes: Sequence[Outcome]) -> dict[tuple[int, int], State]:
        """Write outcomes in one transaction; return the new states of those accepted."""
        return self.write_and_hand(worker_id, outcomes, None).states

    def write_and_hand(
        self, worker_id: str, outcomes: Sequence[Outcome], heir: Heir | None
    ) -> Written:
        """Write outcomes and hand over what is freed, in one transaction."""
        with self.place.transaction():
            states = self.write_held(worker_id, outcomes)
            return Written(states, self._free(states, heir))

    def _free(self, states: Mapping[tuple[int, int], State], heir: Heir | None) -> list[Taken]:
        place, ended = self.place, ended_among(states)
        freed = None
        if place.options.priority_aging is None and all(
            state is State.SUCCESSFUL for state in states.values() if state in ENDED
        ):
            freed = free(place, ended, heir, place.clock.read(place.connection)) if ended else _NONE
        if freed is None:
            self._ripples.spread(ended)
            return []
        if freed.ready:
            self._announce()
            self._ripples.tell_moved(freed.ready)
        return freed.taken

    def hold(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[Held]:
        """Return the jobs that the worker still holds; the write lock keeps them so."""
        seqs = json.dumps([outcome.seq for outcome in outcomes])
        with self.place.connection.cursor() as cursor:
            cursor.execute(_HOLD, (seqs, self.place.backend, worker_id))
            return [Held(seq, attempt, bool(is_asked)) for seq, attempt, is_asked in cursor]

    def write_endings(self, endings: Sequence[Ending]) -> None:
        """Write held jobs."""
        zone = zone_of(self.place.connection)
        batches: dict[str, list[tuple[Any, ...]]] = {}
        for ending in endings:
            if is_plain(ending.outcome):
                batches.setdefault(_SUCCEED, []).append(_plain_values(ending, zone))
            else:
                statement = _END_FOR_GOOD if ending.is_end else _END_AND_GO_ON
                batches.setdefault(statement, []).append(_values(ending, zone))
        with self.place.connection.cursor() as cursor:
            for statement, values in batches.items():
                cursor.executemany(statement, values)

    def write_notes(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write notes in one transaction; return how many were taken."""
        zone = zone_of(self.place.connection)
        with self.place.transaction(), self.place.connection.cursor() as cursor:
            cursor.executemany(_NOTE, [
                (
                    (started_at := text_of(note.started_at, zone)), started_at, note.progress,
                    note.metadata, note.seq, note.attempt, worker_id,
                )
                for note in notes
            ])  # fmt: skip
            return int(cursor.rowcount)


def _plain_values(ending: Ending, zone: tzinfo) -> tuple[Any, ...]:
    outcome = ending.outcome
    started_at = text_of(outcome.started_at, zone)
    return (
        ending.result, text_of(ending.finished_at, zone), started_at, started_at,
        ending.worker_ids, outcome.seq,
    )  # fmt: skip


def _values(ending: Ending, zone: tzinfo) -> tuple[Any, ...]:
    outcome = ending.outcome
    started_at = text_of(outcome.started_at, zone)
    return (
        ending.state.value, ending.failure and ending.failure.value, ending.reason,
        ending.result, ending.tries, text_of(ending.finished_at, zone),
        text_of(ending.due_at, zone), text_of(ending.eligible_at, zone), started_at, started_at,
        ending.worker_ids, outcome.metadata, outcome.progress, outcome.ctx, outcome.seq,
    )  # fmt: skip
