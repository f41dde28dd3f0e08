"""Verbs about running attempts: the rows are marked and decide, then the line hears of it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import batched

from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import ENDED, State
from django_taskq.stores.durable.claimed import Claimed
from django_taskq.stores.durable.handover import Handover
from django_taskq.stores.pairing import Hold, Line, Rows

# Outcomes per transaction.
CHUNK = 1000

type States = dict[tuple[int, int], State]


class Attempts:
    """Ends, notes and takes back attempts that the line has handed out."""

    def __init__(
        self,
        rows: Rows,
        line: Line,
        handover: Handover,
        claimed: Claimed,
        is_over_for: Callable[[str], bool],
    ) -> None:
        self._rows = rows
        self._line = line
        self._handover = handover
        self._claimed = claimed
        self._is_over_for = is_over_for

    def finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> list[State | None]:
        """Write how attempts ended; return the new states, None where the fence refuses."""
        states: States = {}
        # In the order of seq, in which everybody locks, so that nobody waits in a circle.
        for chunk in batched(sorted(outcomes, key=lambda outcome: outcome.seq), CHUNK):
            states |= self._finish(worker_id, chunk)
        self._tell(worker_id, [Fence(*outcome[:2]) for outcome in outcomes], states)
        return [states.pop(outcome[:2], None) for outcome in outcomes]

    def expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        """Write a success by which a job becomes other jobs; None where the fence refuses."""
        fence = Fence(*outcome[:2])
        holds = self._claimed.of(worker_id, [fence])

        def expand() -> State | None:
            self._rows.mark(holds)
            return self._rows.expand(worker_id, outcome, specs)

        state = self._rows.settle(expand)
        self._tell(worker_id, [fence], {} if state is None else {outcome[:2]: state})
        if state is State.SUCCESSFUL:
            self._handover.give_later([spec.id for spec in specs])
        return state

    def release(self, worker_id: str, fences: Sequence[Fence]) -> int:
        """Give back claimed jobs that never started; return how many."""
        released = [Outcome(seq, attempt, Verdict.RELEASED) for seq, attempt in fences]
        return sum(state is not None for state in self.finish(worker_id, released))

    def lose(
        self, worker_id: str, fences: Sequence[Fence], how: str, *, was_alone: bool
    ) -> list[State | None]:
        """Take back attempts that had started when their process died; set them apart."""
        lose = partial(self._rows.lose, worker_id, fences, how, was_alone=was_alone)
        states = self._marked(worker_id, fences, lose)
        self._claimed.settle(worker_id, [seq for seq, _ in fences])
        self._sync_later(worker_id, fences)
        return states

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell; return how many were taken."""
        fences = [Fence(note.seq, note.attempt) for note in notes]
        return self._marked(worker_id, fences, partial(self._rows.note, worker_id, notes))

    def mark(self, fences: Sequence[Fence]) -> None:
        """Have rows know of attempts that run, whoever holds them; in the caller's transaction."""
        holds = self._claimed.find(fences)
        if holds:
            self._rows.settle(self._rows.mark, holds)

    def _marked[T](self, worker_id: str, fences: Sequence[Fence], verb: Callable[[], T]) -> T:
        """Mark the rows of attempts and run a verb of rows about them, all or nothing."""
        holds = self._claimed.of(worker_id, fences)

        def run() -> T:
            self._rows.mark(holds)
            return verb()

        return self._rows.settle(run)

    def _finish(self, worker_id: str, outcomes: Sequence[Outcome]) -> States:
        holds = self._claimed.of(worker_id, [Fence(*outcome[:2]) for outcome in outcomes])
        claimed = {(hold.seq, hold.attempt): hold.claimed_at for hold in holds if hold.claimed_at}
        states: States = {}
        plain = [
            outcome
            for outcome in outcomes
            if outcome.verdict is Verdict.SUCCEEDED and outcome[:2] in claimed
        ]
        if plain:
            moments: dict[int, datetime] = {seq: at for (seq, _), at in claimed.items()}
            states |= self._rows.succeed(worker_id, plain, moments)
        rest = [outcome for outcome in outcomes if outcome[:2] not in states]
        if not rest:
            return states
        left = {outcome.seq for outcome in rest}
        marking = [hold for hold in holds if hold.seq in left]
        return states | self._rows.settle(self._write, worker_id, rest, marking)

    def _write(self, worker_id: str, outcomes: Sequence[Outcome], holds: Sequence[Hold]) -> States:
        self._rows.mark(holds)
        written = self._rows.finish(worker_id, outcomes)
        states = {
            outcome[:2]: state
            for outcome, state in zip(outcomes, written, strict=True)
            if state is not None
        }
        given_back = [
            outcome.seq
            for outcome in outcomes
            if outcome.verdict is Verdict.RELEASED and outcome[:2] in states
        ]
        if given_back and self._line.is_solo(worker_id):
            # What runs suspects does not clear them by giving them back.
            self._rows.set_apart(given_back)
        return states

    def _tell(self, worker_id: str, fences: Sequence[Fence], states: States) -> None:
        """Have the line know what became of attempts, once that is committed."""
        self._claimed.settle(worker_id, [fence.seq for fence in fences])
        ended = [fence for fence in fences if states.get(fence) in ENDED]
        if ended:
            free = partial(self._line.free, worker_id, ended)
            owing = [fence.seq for fence in ended]
            self._rows.on_commit(partial(self._attempt, free, owing))
        self._sync_later(worker_id, [fence for fence in fences if states.get(fence) not in ENDED])

    def _sync_later(self, worker_id: str, fences: Sequence[Fence]) -> None:
        """Have the line say what rows say, unless these attempts are of an epoch that is over.

        Their numbers would be handed out once more: who hands them over again raises those first.
        """
        if not self._is_over_for(worker_id):
            self._handover.sync_later([seq for seq, _ in fences])

    def _attempt(self, tell: Callable[[], None], owing: Sequence[int]) -> None:
        self._handover.attempt(tell, owing)
