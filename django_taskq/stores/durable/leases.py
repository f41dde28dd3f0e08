"""Workers that are gone: the line knows of them, the rows decide about what they held."""

from collections.abc import Sequence

from django_taskq.jobs.fence import Fence
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.stores.durable.handover import Handover
from django_taskq.stores.pairing import Grave, Hold, Line, Rows


class Leases:
    """Takes back what workers held that are gone."""

    def __init__(self, rows: Rows, line: Line, handover: Handover) -> None:
        self._rows = rows
        self._line = line
        self._handover = handover

    def reap(self) -> Reaped:
        """Take jobs back from workers whose lease is over, or that have none."""
        graves = self._line.bury()
        if not graves:
            return Reaped()
        found = [self._reap(grave) for grave in graves]
        self._line.forget_all([grave.worker_id for grave in graves])
        return Reaped(
            tuple(grave.worker_id for grave in graves if grave.is_taken),
            sum(reaped.released for reaped in found),
            tuple(id for reaped in found for id in reaped.failed),
            sum(reaped.suspects for reaped in found),
            tuple(id for reaped in found for id in reaped.canceled),
        )

    def forget(self, worker_id: str) -> int:
        """Take a worker out and give back all it still holds; return how many."""
        (grave,) = self._line.bury(worker_id)
        states = self._rows.settle(self._give_back, grave, self._holds(grave))
        self._handover.sync(grave.seqs)
        self._line.forget_all([worker_id])
        return sum(state is not None for state in states)

    def _reap(self, grave: Grave) -> Reaped:
        """Let rows decide; who dies in between has left the jobs in the dead worker's hand."""
        self._rows.settle(self._rows.mark, self._holds(grave))
        reaped = self._rows.take_back(grave.worker_id, is_solo=grave.is_solo)
        self._handover.sync(grave.seqs)
        return reaped

    def _give_back(self, grave: Grave, holds: Sequence[Hold]) -> list[State | None]:
        self._rows.mark(holds)
        held = sorted({Fence(hold.seq, hold.attempt) for hold in holds})
        given_back = [Outcome(seq, attempt, Verdict.RELEASED) for seq, attempt in held]
        states = self._rows.finish(grave.worker_id, given_back)
        if grave.is_solo:
            self._rows.set_apart(
                [seq for (seq, _), state in zip(held, states, strict=True) if state is not None]
            )
        return states

    def _holds(self, grave: Grave) -> list[Hold]:
        seen = self._line.look(grave.seqs)
        return [hold for hold in seen.values() if hold.worker_id == grave.worker_id]
