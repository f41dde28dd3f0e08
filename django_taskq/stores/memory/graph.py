"""Which jobs of a memory store wait for which."""

from collections.abc import Iterable, Sequence
from itertools import islice

from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.origin import NO_ORIGIN, TriggerRule, Upstream, rule_of
from django_taskq.jobs.ripple import Edge, Ripple, Waiting, spread
from django_taskq.jobs.trigger import Standing, standing_of
from django_taskq.stores.memory.job import MemoryJob


class Graph:
    """Edges by upstream; those that wait, with their scores. Its store's lock guards it.

    `jobs` are all that have an edge. `pending` holds, by what they are looked for by, those who
    wait for jobs that are not there yet.
    """

    def __init__(self) -> None:
        self.edges: dict[int, dict[Edge, None]] = {}
        self.jobs: dict[int, MemoryJob] = {}
        self.pending: dict[str, list[Edge]] = {}
        self._waiting: dict[int, Waiting] = {}
        self._above: dict[int, list[tuple[Upstream, Edge]]] = {}
        self._changed: dict[int, MemoryJob | None] = {}
        self._fresh: list[int] = []
        self._gone: dict[int, str] = {}

    def __bool__(self) -> bool:
        return bool(self._changed or self._fresh)

    def attach(self, job: MemoryJob, upstreams: Sequence[tuple[Upstream, MemoryJob | str]]) -> None:
        """Have a new job wait for others; one that is not there yet is given by its key."""
        rule = rule_of(job.spec.origin or NO_ORIGIN) or TriggerRule.ALL_SUCCESS
        self._waiting[job.seq] = Waiting(job.seq, rule, len(upstreams))
        self.jobs[job.seq] = job
        self._fresh.append(job.seq)
        above = self._above[job.seq] = []
        for named, upstream in upstreams:
            edge = Edge(0, job.seq, 0, None)
            above.append((named, edge))
            if isinstance(upstream, str):
                self.pending.setdefault(upstream, []).append(edge)
            else:
                self._connect(edge, upstream)

    def meet(self, keys: Iterable[str], job: MemoryJob) -> None:
        """Connect a new job with those who wait for it already."""
        for key in keys:
            for edge in self.pending.pop(key, ()):
                self._connect(edge, job)

    def _connect(self, edge: Edge, upstream: MemoryJob) -> None:
        edge.upstream = upstream.seq
        self.jobs[upstream.seq] = upstream
        self.edges.setdefault(upstream.seq, {})[edge] = None
        self._changed[upstream.seq] = upstream

    def replace(self, upstream: MemoryJob, others: Sequence[MemoryJob]) -> None:
        """Have those who wait for a job that has counted nothing yet wait for others instead."""
        for old in self.edges.pop(upstream.seq, {}):
            old.upstream = 0
            waiting = self._waiting.get(old.downstream)
            if waiting is None:
                continue
            waiting.count(old.counted, -1)
            waiting.total += len(others) - 1
            above = self._above[old.downstream]
            for other in others:
                edge = Edge(0, old.downstream, 0, None)
                above.append((Upstream(id=other.spec.id), edge))
                self._connect(edge, other)
            self._fresh.append(old.downstream)

    def note(self, job: MemoryJob) -> None:
        """Note that a job has ended, or has not any more."""
        if job.seq in self.edges:
            self._changed[job.seq] = job

    def leave(self, job: MemoryJob) -> None:
        """Have a job wait no more."""
        self._waiting.pop(job.seq, None)

    def is_waiting(self, seq: int) -> bool:
        """Tell whether a job waits for others."""
        return seq in self._waiting

    def below(self, seq: int) -> list[int]:
        """Return the jobs that wait for this one."""
        return [
            edge.downstream for edge in self.edges.get(seq, ()) if self.is_waiting(edge.downstream)
        ]

    def drop(self, job: MemoryJob) -> None:
        """Forget a job; those who still wait for it learn that it is gone."""
        seq = job.seq
        for _, edge in self._above.pop(seq, ()):
            below = self.edges.get(edge.upstream)
            if below is not None:
                below.pop(edge, None)
                if not below:
                    del self.edges[edge.upstream]
        if seq in self.edges:
            self._changed[seq] = None
            self._gone[seq] = job.spec.id
        self.jobs.pop(seq, None)

    def spread(self) -> Ripple:
        """Return what all changes since the last time mean."""
        standings: dict[int, Standing | None] = {}
        for seq, job in self._changed.items():
            is_blocked = job is not None and job.blocked_for is not None
            standings[seq] = standing_of(None if job is None else job.state, is_blocked)
        ripple = spread(self._waiting, self.edges, standings, self._fresh)
        for seq in self._gone:
            self.edges.pop(seq, None)
        self._changed.clear()
        return ripple

    def settled(self) -> None:
        """Take note that all changes are accounted for."""
        self._changed.clear()
        self._fresh.clear()
        self._gone.clear()

    def name_of(self, seq: int | None) -> str:
        """Return the id of a job that others wait for."""
        job = self.jobs.get(seq or 0)
        return self._gone.get(seq or 0, "") if job is None else job.spec.id

    def awaited(self, job: MemoryJob, most: int) -> list[tuple[Upstream, MemoryJob | None]]:
        """Return the first upstreams of a job that do not count yet; None for one not there."""
        upstreams = (
            (named, self.jobs.get(edge.upstream))
            for named, edge in self._above.get(job.seq, ())
            if edge.counted is None
        )
        return list(islice(upstreams, most))

    def records(self, jobs: Iterable[MemoryJob]) -> list[EdgeRecord]:
        """Return the edges of these jobs, upwards and downwards."""
        seqs = {job.seq for job in jobs}
        below = {edge.downstream for seq in seqs for edge in self.edges.get(seq, ())}
        return [
            self._record(named, edge)
            for seq in sorted(seqs | below)
            for named, edge in self._above.get(seq, ())
            if seq in seqs or edge.upstream in seqs
        ]

    def _record(self, named: Upstream, edge: Edge) -> EdgeRecord:
        upstream = self.jobs.get(edge.upstream)
        id = named.id if upstream is None else upstream.spec.id
        task_id = named.task_id if upstream is None else upstream.spec.task_id
        return EdgeRecord(self.jobs[edge.downstream].spec.id, id, task_id, edge.counted)
