"""What a claim has found out that it cannot take from."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import NO_GATE, read_gate
from django_taskq.jobs.rules import Rules
from django_taskq.stores.database.limited import LimitedTake, LimitedVisit
from django_taskq.stores.database.taken import Taken
from django_taskq.stores.database.turns import Visit
from django_taskq.stores.database.window import Gates


class Closings:
    """Lanes that gave all they have, and gates that let nothing more through, for one claim."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._spent: set[Lane] = set()
        self._pairs: set[tuple[Lane, str]] = set()
        self._gates: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._spent or self._pairs)

    @property
    def gates(self) -> frozenset[str]:
        """The gates behind which nobody's jobs may start."""
        return frozenset(self._gates)

    def open_gates(self, lane: Lane, gates: Gates) -> Gates:
        """Return those gates of a lane that may let something through, none where it is spent."""
        if lane in self._spent:
            return ()
        if not self._pairs:
            return gates
        return tuple(
            gate for gate in gates if gate not in self._gates and (lane, gate) not in self._pairs
        )

    def note(self, visits: Iterable[Visit], counts: Mapping[Lane, int]) -> None:
        """Note the lanes that gave less than their share."""
        self._spent.update(lane for lane, share in visits if counts.get(lane, 0) < share)

    def note_limited(
        self, visits: Sequence[LimitedVisit], took: LimitedTake, counts: Mapping[Lane, int]
    ) -> None:
        """Note what a limited take has closed, and the lanes that gave less than their share."""
        self._pairs |= took.closed
        closing = {lane for lane, _ in took.closed}
        shares = Counter[Lane]()
        for lane, _, share in visits:
            shares[lane] += share
        for lane, share in shares.items():
            if lane not in closing and counts.get(lane, 0) < share:
                self._spent.add(lane)
        self._gates.update(self._closed_to_all(visits, took))

    def _closed_to_all(self, visits: Sequence[LimitedVisit], took: LimitedTake) -> Iterable[str]:
        """Return the gates whose own limits let nothing through.

        A lane with no other limits whose jobs stood before such a gate, and gave none, says so.
        """
        gave = {(row.claim.queue, row.claim.tenant, row.claim.task) for row in took.taken}
        for lane, gates in {visit.lane: visit.gates for visit in visits}.items():
            if self._rules.limits_of(lane.queue, lane.tenant):
                continue
            for gate in gates:
                if gate == NO_GATE or (lane, gate) not in took.closed:
                    continue
                if (lane.queue, lane.tenant, read_gate(gate).task) not in gave:
                    yield gate


def counts_of(rows: Iterable[Taken]) -> dict[str, int]:
    """Return how many jobs each tenant gave."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.claim.tenant] = counts.get(row.claim.tenant, 0) + 1
    return counts
