"""A job that becomes other jobs, in one transaction."""

import uuid
from collections.abc import Sequence

from django.db.models import F

from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.trigger import Standing
from django_taskq.models import Dependency
from django_taskq.stores.database.edges import NewEdge
from django_taskq.stores.database.finishes import Finishes
from django_taskq.stores.database.inserts import Inserts
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.ripples import CHUNK, Ripples


class Expanding:
    """Stores the jobs of a mapped step's items and has those who wait for it wait for these."""

    def __init__(
        self, place: Place, inserts: Inserts, finishes: Finishes, ripples: Ripples
    ) -> None:
        self.place = place
        self._inserts = inserts
        self._finishes = finishes
        self._ripples = ripples

    def expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        """Write a success by which a job grows; None where the fence refuses."""
        state = self.place.settle(self._expand, worker_id, outcome, specs)
        if state is not None:
            self._ripples.look_again([outcome.seq])
        return state

    def _expand(self, worker_id: str, outcome: Outcome, specs: Sequence[JobSpec]) -> State | None:
        with self.place.transaction():
            held = self._finishes.hold(worker_id, [outcome])
            if not held:
                return None
            if held[0].is_cancel_asked:
                outcome = outcome._replace(verdict=Verdict.RETRY)
                return self._finish(worker_id, outcome)
            waiting = self._ripples.lock_below([outcome.seq])
            self._inserts.insert(specs)
            if waiting:
                self._rewire(outcome.seq, waiting, specs)
            state = self._finish(worker_id, outcome)
            if waiting:
                # Where there are no items, nothing else would decide about them.
                self._ripples.decide(waiting)
        return state

    def _finish(self, worker_id: str, outcome: Outcome) -> State | None:
        states = self._finishes.write(worker_id, [outcome])
        return states.get((outcome.seq, outcome.attempt))

    def _rewire(self, seq: int, waiting: Sequence[int], specs: Sequence[JobSpec]) -> None:
        """Have locked jobs wait for new ones in the place of one that has counted nothing yet.

        The edge to that one stays, for whoever draws the graph, and counts for nobody.
        """
        edges = Dependency._default_manager.using(self.place.database)
        old = edges.filter(upstream_id=seq, downstream_id__in=waiting)
        downstreams = list(old.values_list("downstream_id", flat=True))
        seqs = self._seqs(specs)
        self._ripples.add(
            [NewEdge(below, above, id) for below in downstreams for id, above in seqs]
        )
        old.update(upstream_id=None, counted_as=Standing.SUCCESSFUL)
        more = len(specs) - 1
        for start in range(0, len(downstreams), CHUNK):
            jobs = self.place.jobs().filter(pk__in=downstreams[start : start + CHUNK])
            jobs.update(upstream_total=F("upstream_total") + more)

    def _seqs(self, specs: Sequence[JobSpec]) -> list[tuple[uuid.UUID, int]]:
        found: list[tuple[uuid.UUID, int]] = []
        for start in range(0, len(specs), CHUNK):
            ids = [uuid.UUID(spec.id) for spec in specs[start : start + CHUNK]]
            jobs = self.place.jobs().filter(public_id__in=ids)
            found += jobs.values_list("public_id", "pk")
        return found
