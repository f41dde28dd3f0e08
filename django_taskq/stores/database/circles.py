"""Jobs that wait for one another in a circle, closed by names that were given before they came."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django_taskq.jobs.reasons import circle_reason
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.upstreams import MOST_EDGES, check_cycles, find_circle
from django_taskq.models import Dependency
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.ripples import Ripples

# Jobs per statement.
CHUNK = 1000

# The edges of waiting jobs, and of all that wait among those they wait for. Inputs: seqs, as many
# placeholders; the most edges.
_ABOVE = """
WITH RECURSIVE above (seq) AS (
    SELECT seq FROM taskq_job WHERE seq IN ({seqs}) AND state = 'DEFERRED'
    UNION
    SELECT job.seq
    FROM above
    JOIN taskq_dependency AS dependency ON dependency.downstream_id = above.seq
    JOIN taskq_job AS job ON job.seq = dependency.upstream_id AND job.state = 'DEFERRED'
)
SELECT dependency.downstream_id, dependency.upstream_id
FROM above
JOIN taskq_dependency AS dependency ON dependency.downstream_id = above.seq
WHERE dependency.upstream_id IS NOT NULL
LIMIT %s
"""


class Circles:
    """Finds circles: before a job is stored that would close one, else among those that wait."""

    def __init__(self, place: Place, ripples: Ripples) -> None:
        self.place = place
        self._ripples = ripples

    def check(self, new: Mapping[int, Sequence[int]], keys: Mapping[str, int]) -> None:
        """Check that no job waits for itself by way of new ones. Raise InvalidPipeline.

        `new` are the upstreams of each new job, `keys` what those are looked for by that wait.
        """
        graph = {seq: list(upstreams) for seq, upstreams in new.items()}
        waiting = self._waiting_for(keys)
        if waiting:
            old = {seq for upstreams in new.values() for seq in upstreams if seq not in new}
            for downstream, upstream in [*waiting, *self._above(sorted(old))]:
                graph.setdefault(downstream, []).append(upstream)
        check_cycles(graph)

    def end(self, seqs: Sequence[int]) -> int:
        """Cancel waiting jobs in circles that these are in, or behind; return how many."""
        graph: dict[int, list[int]] = {}
        for downstream, upstream in self._above(seqs):
            graph.setdefault(downstream, []).append(upstream)
        ended = 0
        while circle := find_circle(graph):
            ended += self.place.settle(self._end, circle)
            for seq in circle:
                del graph[seq]
        return ended

    def _end(self, circle: Sequence[int]) -> int:
        place = self.place
        with place.transaction():
            jobs = place.jobs().filter(state=State.DEFERRED, pk__in=circle).order_by("pk")
            found = dict(jobs.select_for_update().values_list("pk", "public_id"))
            if len(found) < len(circle):
                # One of them waits no more, so that the circle is open.
                return 0
            ids = [str(found[seq]) for seq in circle]
            place.jobs().filter(pk__in=circle).update(
                state=State.CANCELED,
                failure=Failure.DEPENDENCY,
                reason=circle_reason(ids),
                finished_at=storable(place.clock.read(place.connection)),
                unique_key=None,
                is_blocked=False,
                blocked_for=None,
                blocked_at=None,
            )
            self._ripples.tell_moved(sorted(circle))
            self._ripples.tell_fallen(ids)
            self._ripples.spread(circle)
            self._ripples.look_again(circle)
        return len(circle)

    def _waiting_for(self, keys: Mapping[str, int]) -> list[tuple[int, int]]:
        """Return who waits for jobs that have just come, each with the one it waits for."""
        found: list[tuple[int, int]] = []
        for part in _chunks(list(keys)):
            edges = Dependency._default_manager.using(self.place.database).filter(
                pending_key__in=part, downstream__state=State.DEFERRED
            )
            rows: Iterable[Any] = edges.values_list("downstream_id", "pending_key")[:MOST_EDGES]
            found += [(downstream, keys[key]) for downstream, key in rows]
        return found

    def _above(self, seqs: Sequence[int]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for part in _chunks(seqs):
            statement = _ABOVE.format(seqs=", ".join(["%s"] * len(part)))
            with self.place.connection.cursor() as cursor:
                cursor.execute(statement, [*part, MOST_EDGES])
                found += cursor.fetchall()
        return found


def _chunks[T](items: Sequence[T]) -> Iterable[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
