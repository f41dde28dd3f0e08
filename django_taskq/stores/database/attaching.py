"""Attaching new jobs to those they wait for, without a lock on any of these."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Subquery

from django_taskq.jobs.origin import TriggerRule, Upstream
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.trigger import standing_of
from django_taskq.jobs.unique import unique_key
from django_taskq.jobs.upstreams import (
    foreign,
    keys_of,
    pending_key,
    renamed,
    unknown,
    upstreams_of,
)
from django_taskq.models import Dependency
from django_taskq.stores.database.circles import Circles
from django_taskq.stores.database.edges import NewEdge
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.ripples import CHUNK, Ripples

# Names per statement.
NAMES = 100

# The columns of `Found`.
COLUMNS = ("seq", "public_id", "tenant", "task_id", "state", "is_blocked", "trigger_rule")


class Found(NamedTuple):
    """A job that others may wait for."""

    seq: int
    id: uuid.UUID
    tenant: str
    task_id: str | None
    state: str
    is_blocked: bool
    rule: str | None


class Attaching:
    """Stores edges, looks at once what they mean, and again once they are committed.

    An upstream that ends in between is so found by one of the two: by whoever finishes it, or by
    the second look. An upstream that cannot be seen yet leaves an edge that is pending, which its
    own insert looks for, and this one looks again, in the same way.
    """

    def __init__(self, place: Place, ripples: Ripples) -> None:
        self.place = place
        self.ripples = ripples
        self.circles = Circles(place, ripples)
        self._looked_to = 0

    @property
    def may_wait(self) -> bool:
        """Whether a job may wait for one that is not there yet."""
        return self.place.options.missing_dependency == "wait"

    def attach(self, specs: Sequence[JobSpec], ids: Sequence[str]) -> None:
        """Attach new jobs, in the transaction that stored them. Raise InvalidPipeline.

        `ids` are those of the jobs of all specs, in their order; one that is not the spec's own
        is of a job that was there before.
        """
        ids_of = {spec.id: id for spec, id in zip(specs, ids, strict=True)}
        wanted = [
            (spec, [renamed(upstream, ids_of) for upstream in upstreams_of(spec)])
            for spec in specs
            if upstreams_of(spec) and ids_of[spec.id] == spec.id
        ]
        if wanted:
            self._attach(wanted, {spec.id for spec in specs if ids_of[spec.id] == spec.id})

    def _attach(self, wanted: Sequence[tuple[JobSpec, list[Upstream]]], new_ids: Set[str]) -> None:
        """Attach jobs; what is new like them cannot have ended unseen."""
        by_id = self._by_own_id(
            [up.id for _, ups in wanted for up in ups if up.id] + [spec.id for spec, _ in wanted]
        )
        by_name = self._by_name(
            {(spec.tenant, up.task_id) for spec, ups in wanted for up in ups if up.task_id}
        )
        edges: list[NewEdge] = []
        decided: set[int] = set()
        open_to_others: set[int] = set()
        own = {id: found.seq for id, found in by_id.items() if id in new_ids}
        own_seqs = set(own.values())
        for spec, upstreams in wanted:
            job = by_id[spec.id]
            for upstream in upstreams:
                found = (
                    by_id.get(upstream.id)
                    if upstream.id
                    else by_name.get((spec.tenant, upstream.task_id))
                )
                edges.append(self._edge(spec, job, upstream, found))
                if found is None or found.seq not in own_seqs:
                    open_to_others.add(job.seq)
                if found and standing_of(found.state, found.is_blocked):
                    decided.add(job.seq)
            if job.rule == TriggerRule.ALWAYS:
                decided.add(job.seq)
        self._check_circles([spec for spec, _ in wanted], edges, own)
        self.ripples.add(edges)
        if decided:
            self.ripples.decide(sorted(decided))
        if open_to_others:
            look = partial(self.look, sorted(open_to_others))
            transaction.on_commit(look, using=self.place.database, robust=True)

    def _check_circles(
        self, specs: Sequence[JobSpec], edges: Sequence[NewEdge], own: dict[str, int]
    ) -> None:
        """Raise InvalidPipeline where new edges close a circle; `own` are the new jobs by id."""
        new: dict[int, list[int]] = {seq: [] for seq in own.values()}
        for edge in edges:
            new[edge.downstream_id].append(edge.upstream_id or 0)
        keys: dict[str, int] = {}
        if self.may_wait:
            backend = self.place.backend
            keys = {key: own[spec.id] for spec in specs for key in keys_of(backend, spec)}
        self.circles.check(new, keys)

    def _edge(self, spec: JobSpec, job: Found, upstream: Upstream, found: Found | None) -> NewEdge:
        if found is not None and found.tenant != spec.tenant:
            raise foreign(spec, upstream, found.tenant)
        if found is not None:
            return NewEdge(job.seq, found.seq, found.id, upstream.task_id or found.task_id)
        if not self.may_wait:
            raise unknown(self.place.backend, spec.tenant, upstream)
        return NewEdge(
            job.seq,
            upstream_public_id=uuid.UUID(upstream.id) if upstream.id else None,
            upstream_task_id=upstream.task_id,
            pending_key=pending_key(self.place.backend, spec.tenant, upstream),
        )

    def look(self, seqs: Sequence[int]) -> int:
        """Look again, after the commit, at jobs that were attached: upstreams may have ended.

        Return how many were decided about.
        """
        return sum(
            self.place.settle(self._look, seqs[start : start + CHUNK])
            for start in range(0, len(seqs), CHUNK)
        )

    def _look(self, seqs: Sequence[int]) -> int:
        edges = self._edges().filter(downstream_id__in=seqs, downstream__state=State.DEFERRED)
        columns = (
            "downstream_id", "pending_key", "counted_as", "upstream__state", "upstream__is_blocked"
        )  # fmt: skip
        rows = list(edges.values_list(*columns))
        changed = {
            seq
            for seq, pending, counted, *told in rows
            if pending is None and counted != standing_of(*told)
        }
        if any(pending is not None for _, pending, *_ in rows):
            changed |= self.resolve(edges.filter(pending_key__isnull=False))
        if changed:
            with self.place.transaction():
                self.ripples.decide(sorted(changed))
        return len(changed)

    def catch_up(self, limit: int) -> int:
        """Decide about jobs whose upstreams have ended, or have come, and nobody told them.

        Those that wait for one another in a circle are canceled.
        """
        rows = self._edges().filter(
            pk__gt=self._looked_to, counted_as=None, downstream__backend=self.place.backend
        )
        columns = ("pk", "downstream_id", "pending_key", "upstream__state", "upstream__is_blocked")
        page = list(rows.order_by("pk").values_list(*columns)[:limit])
        self._looked_to = page[-1][0] if len(page) == limit else 0
        left = {
            downstream
            for _, downstream, pending, state, is_blocked in page
            if pending is not None or standing_of(state, is_blocked)
        }
        decided = 0
        if left:
            waiting = self.place.jobs().filter(state=State.DEFERRED, pk__in=sorted(left))
            decided = self.look(sorted(waiting.values_list("pk", flat=True)))
        if self.may_wait:
            # Each of two that met in open transactions has seen an end of the circle alone.
            linked = {row[1] for row in page if row[2] or row[3] == State.DEFERRED}
            decided += self.circles.end(sorted(linked))
        return decided

    def meet(self, specs: Sequence[JobSpec]) -> None:
        """Have those who wait for one of these jobs know that it is there, once that is seen."""
        keys = [key for spec in specs for key in keys_of(self.place.backend, spec)]
        look = partial(self._meet_pending, keys)
        if self.place.connection.in_atomic_block:
            look()
        transaction.on_commit(look, using=self.place.database, robust=True)

    def _meet_pending(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), CHUNK):
            pending = self._edges().filter(pending_key__in=keys[start : start + CHUNK])
            self.place.settle(self._resolve_and_decide, pending)

    def _resolve_and_decide(self, pending: Any) -> None:
        with self.place.transaction():
            resolved = self.resolve(pending)
            if resolved:
                self.ripples.decide(sorted(resolved))

    def resolve(self, pending: Any) -> set[int]:
        """Give pending edges the jobs that have come; return those who wait for them."""
        rows = list(
            pending.values_list(
                "pk", "downstream_id", "downstream__tenant", "upstream_public_id",
                "upstream_task_id",
            )
        )  # fmt: skip
        if not rows:
            return set()
        by_id = {found.id: found for found in self._by_id([row[3] for row in rows if row[3]])}
        by_name = self._by_name({(row[2], row[4]) for row in rows if not row[3]})
        resolved: set[int] = set()
        for pk, downstream, tenant, id, name in rows:
            found = by_id.get(id) if id else by_name.get((tenant, name))
            if found is not None and found.tenant == tenant and found.seq != downstream:
                edges = self._edges().filter(pk=pk, pending_key__isnull=False)
                edges.update(upstream_id=found.seq, upstream_public_id=found.id, pending_key=None)
                resolved.add(downstream)
        return resolved

    def _by_own_id(self, ids: Iterable[str]) -> dict[str, Found]:
        """Return jobs by their ids as these were given: each is read once, however often it is."""
        uuids = {id: uuid.UUID(id) for id in dict.fromkeys(ids)}
        found = {job.id: job for job in self._by_id(list(set(uuids.values())))}
        return {id: found[key] for id, key in uuids.items() if key in found}

    def _by_id(self, ids: Sequence[uuid.UUID]) -> Iterator[Found]:
        for start in range(0, len(ids), CHUNK):
            yield from map(Found._make, self.rows_of(ids[start : start + CHUNK]))

    def rows_of(self, ids: Sequence[uuid.UUID]) -> Iterable[Sequence[Any]]:
        """Return the jobs with these ids, with the columns of `Found`."""
        rows: Iterable[Sequence[Any]] = self._jobs().filter(public_id__in=ids).values_list(*COLUMNS)
        return rows

    def _by_name(
        self, names: Collection[tuple[str, str | None]]
    ) -> dict[tuple[str, str | None], Found]:
        """Return the newest job of each name: an unfinished one, else the last that ended."""
        wanted = sorted(names, key=str)
        found: dict[tuple[str, str | None], Found] = {}
        for start in range(0, len(wanted), NAMES):
            part = wanted[start : start + NAMES]
            searches = [
                self._jobs().filter(
                    pk=Subquery(
                        self._jobs().filter(tenant=tenant, task_id=name)
                        .order_by("-seq").values("pk")[:1]
                    )
                )
                for tenant, name in part
            ]  # fmt: skip
            keys = [unique_key(self.place.backend, tenant, name or "") for tenant, name in part]
            for jobs in (_union(searches), self._jobs().filter(unique_key__in=keys)):
                for job in self._found(jobs):
                    found[job.tenant, job.task_id] = job
        return found

    def _found(self, jobs: Any) -> Iterator[Found]:
        return map(Found._make, jobs.values_list(*COLUMNS))

    def _jobs(self) -> Any:
        return self.place.jobs().order_by()

    def _edges(self) -> Any:
        return Dependency._default_manager.using(self.place.database)


def _union(searches: Sequence[Any]) -> Any:
    first, *others = searches
    return first.union(*others, all=True) if others else first
