"""Writing how attempts end, fenced: the way of every database, and the plain one's statements."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F
from django.db.models.functions import Coalesce

from django_taskq.jobs.attempt import MOST_KEPT, ended_attempt
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import ENDED, State
from django_taskq.models import Attempt
from django_taskq.stores.database.attempts import trim_attempts
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.endings import Ending, attempt_row, ending_of
from django_taskq.stores.database.heirs import Heir
from django_taskq.stores.database.inserts import Announce
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.ripples import Ripples
from django_taskq.stores.database.suspects import Suspects
from django_taskq.stores.database.taken import Taken

# Outcomes per transaction.
CHUNK = 1000


class Held(NamedTuple):
    """A running job that the worker still holds."""

    seq: int
    attempt: int
    is_cancel_asked: bool


class Written(NamedTuple):
    """The new states of the accepted outcomes, and what was handed over with them."""

    states: dict[tuple[int, int], State]
    taken: list[Taken]


class Finishes:
    """Writes outcomes and notes of running jobs; each write carries its fence."""

    def __init__(self, place: Place, announce: Announce, ripples: Ripples) -> None:
        self.place = place
        self._announce = announce
        self._ripples = ripples
        self._suspects = Suspects(place)

    def finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[State | None]:
        """Write how attempts ended; return each job's new state, or None where refused."""
        written = self._write_all(worker_id, outcomes, None)
        self._ripples.look_again(ended_among(written.states))
        return _told(outcomes, written)

    def relay(
        self, worker_id: str, outcomes: Sequence[Outcome], heir: Heir | None
    ) -> tuple[list[State | None], list[Taken]]:
        """Finish, and hand what that frees to the heir; return what the heir was handed, too.

        The look for those who attached meanwhile is owed: what was handed over starts before it.
        """
        written = self._write_all(worker_id, outcomes, heir)
        self._ripples.owe_looks(ended_among(written.states))
        return _told(outcomes, written), written.taken

    def release(self, worker_id: str, fences: Iterable[Fence]) -> int:
        """Give back claimed jobs that never started; return how many."""
        released = [Outcome(seq, attempt, Verdict.RELEASED) for seq, attempt in fences]
        return sum(state is not None for state in self.finish(worker_id, released))

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell; return how many were taken."""
        ordered = sorted(notes)
        return self.place.settle(self.write_notes, worker_id, ordered) if ordered else 0

    def _write_all(self, worker_id: str, outcomes: Sequence[Outcome], heir: Heir | None) -> Written:
        all_written = Written({}, [])
        # In the order of seq, in which everybody locks, so that nobody waits in a circle.
        ordered = sorted(outcomes, key=lambda outcome: outcome.seq)
        if len(ordered) > CHUNK:
            # It has room once, not once for each transaction.
            heir = None
        for start in range(0, len(ordered), CHUNK):
            written = self._write_chunk(worker_id, ordered[start : start + CHUNK], heir)
            all_written.states.update(written.states)
            all_written.taken.extend(written.taken)
        if State.READY in all_written.states.values():
            self._announce()
        return all_written

    def _write_chunk(
        self, worker_id: str, outcomes: Sequence[Outcome], heir: Heir | None
    ) -> Written:
        released = {outcome.seq for outcome in outcomes if outcome.verdict is Verdict.RELEASED}
        if released and self._suspects.is_solo(worker_id):
            return Written(
                self.place.settle(self._write_suspects, worker_id, outcomes, released), []
            )
        long = [outcome.seq for outcome in outcomes if outcome.attempt > MOST_KEPT]
        if long:
            return Written(self.place.settle(self._write_and_trim, worker_id, outcomes, long), [])
        return self.place.settle(self.write_and_hand, worker_id, outcomes, heir)

    def _write_and_trim(
        self, worker_id: str, outcomes: Sequence[Outcome], long: Sequence[int]
    ) -> dict[tuple[int, int], State]:
        """Write outcomes, and keep to the bound of what is kept of each job's attempts."""
        with self.place.transaction():
            states = self.write(worker_id, outcomes)
            trim_attempts(self.place, long)
        return states

    def _write_suspects(
        self, worker_id: str, outcomes: Sequence[Outcome], released: Set[int]
    ) -> dict[tuple[int, int], State]:
        """Write outcomes of a solo worker: what it gives back is not free of suspicion."""
        with self.place.transaction():
            states = self.write(worker_id, outcomes)
            self._suspects.set_apart([seq for seq, _ in states if seq in released])
        return states

    def write_and_hand(
        self, worker_id: str, outcomes: Sequence[Outcome], heir: Heir | None
    ) -> Written:
        """Write outcomes and hand over what is freed, where a database can do both at once."""
        return Written(self.write(worker_id, outcomes), [])

    def write(self, worker_id: str, outcomes: Sequence[Outcome]) -> dict[tuple[int, int], State]:
        """Write outcomes in one transaction; return the new states of those accepted."""
        with self.place.transaction():
            states = self.write_held(worker_id, outcomes)
            self._ripples.spread(ended_among(states))
        return states

    def write_held(
        self, worker_id: str, outcomes: Sequence[Outcome]
    ) -> dict[tuple[int, int], State]:
        """Write the outcomes that the fence lets through, in a transaction; tell nobody of them."""
        place = self.place
        now = place.clock.read(place.connection)
        held = {(row.seq, row.attempt): row for row in self.hold(worker_id, outcomes)}
        endings = {
            (outcome.seq, outcome.attempt): ending_of(
                outcome, now, is_cancel_asked=held[outcome[:2]].is_cancel_asked
            )
            for outcome in outcomes
            if outcome[:2] in held
        }
        self.write_endings(list(endings.values()))
        self.write_attempts(worker_id, endings.values(), now)
        return {fence: ending.state for fence, ending in endings.items()}

    def hold(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[Held]:
        """Lock the jobs that the worker still holds."""
        rows = (
            self._running(worker_id)
            .filter(pk__in=[outcome.seq for outcome in outcomes])
            .order_by("pk")
            .select_for_update()
            .values_list("pk", "attempt", "cancel_asked_at")
        )
        return [Held(seq, attempt, asked_at is not None) for seq, attempt, asked_at in rows]

    def write_endings(self, endings: Sequence[Ending]) -> None:
        """Write locked jobs, one statement each."""
        for ending in endings:
            jobs = self.place.jobs().filter(pk=ending.outcome.seq)
            jobs.update(**_columns(ending))

    def write_attempts(self, worker_id: str, endings: Iterable[Ending], now: datetime) -> None:
        """Write the rows about attempts that are kept."""
        rows = [
            attempt_row(ending.outcome.seq, kept)
            for ending in endings
            if (kept := ended_attempt(ending.outcome, ending.state, worker_id, now)) is not None
        ]
        if rows:
            Attempt._default_manager.using(self.place.database).bulk_create(rows)

    def write_notes(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write notes in one transaction; return how many were taken."""
        taken = 0
        with self.place.transaction():
            for note in notes:
                jobs = self._running(worker_id).filter(pk=note.seq, attempt=note.attempt)
                taken += jobs.update(**_noted(note))
        return taken

    def _running(self, worker_id: str) -> Any:
        return self.place.jobs().filter(state=State.RUNNING, worker_id=worker_id)


def _told(outcomes: Sequence[Outcome], written: Written) -> list[State | None]:
    """Return the new states in the order of the outcomes: of two for one attempt, the first's."""
    states = dict(written.states)
    return [states.pop((outcome.seq, outcome.attempt), None) for outcome in outcomes]


def ended_among(states: Mapping[tuple[int, int], State]) -> list[int]:
    """Return the seqs of the jobs that have come to their end."""
    return [seq for (seq, _), state in states.items() if state in ENDED]


def _columns(ending: Ending) -> dict[str, Any]:
    outcome = ending.outcome
    columns: dict[str, Any] = {
        "state": ending.state,
        "failure": ending.failure,
        "reason": ending.reason,
        "result": ending.result,
        "tries": F("tries") + ending.tries,
        "finished_at": storable(ending.finished_at),
        "due_at": storable(ending.due_at),
    }
    if outcome.started_at is not None:
        columns["last_attempted_at"] = storable(outcome.started_at)
        columns["started_at"] = Coalesce("started_at", storable(outcome.started_at))
    if ending.eligible_at is not None:
        columns["eligible_at"] = storable(ending.eligible_at)
    if ending.is_end:
        columns["unique_key"] = None
    else:
        columns |= {"worker_id": None, "claimed_at": None}
    kept = {
        "worker_ids": ending.worker_ids,
        "metadata": outcome.metadata,
        "progress": outcome.progress,
        "ctx": outcome.ctx,
    }
    return columns | {name: value for name, value in kept.items() if value is not None}


def _noted(note: Note) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if note.started_at is not None:
        started_at = storable(note.started_at)
        columns["started_at"] = Coalesce("started_at", started_at)
        columns["last_attempted_at"] = started_at
    if note.progress is not None:
        columns["progress"] = note.progress
    if note.metadata is not None:
        columns["metadata"] = note.metadata
    # Even an empty note is answered: whether the attempt still holds the job.
    return columns or {"attempt": note.attempt}
