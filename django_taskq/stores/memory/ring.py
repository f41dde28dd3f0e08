"""The tenants that wait in one queue, band and gate, each with its line."""

from collections.abc import Iterator

from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.line import Line
from django_taskq.stores.memory.names import Names
from django_taskq.stores.memory.offer import Offer, Part


class Ring:
    """The lines of tenants with ready jobs; the order of names is kept once somebody walks by it.

    For each set of tenants that some worker is told to serve it is kept once more, so that
    nobody walks past those of others.
    """

    __slots__ = ("_band", "_names", "_offers", "_queue", "_some")

    def __init__(self, queue: str, band: int) -> None:
        self._queue = queue
        self._band = band
        self._offers: dict[str, Offer] = {}
        self._names: Names | None = None
        self._some: dict[Tenants, Names] = {}

    def __bool__(self) -> bool:
        return bool(self._offers)

    def push(self, job: MemoryJob) -> bool:
        """Put a job into its tenant's line; return whether the tenant had none."""
        tenant = job.spec.tenant
        offer = self._offers.get(tenant)
        if offer is not None:
            offer.parts[0].line.push(job.rank, job)
            return False
        line = Line()
        line.push(job.rank, job)
        self._offers[tenant] = Offer(Lane(self._queue, self._band, tenant), (Part(line, ()),))
        for names in self._names_with(tenant):
            names.add(tenant)
        return True

    def first(self) -> Offer:
        """Return the line of any tenant as if nothing bounded it."""
        return next(iter(self._offers.values()))

    def offer(self, tenant: str) -> Offer:
        """Return the line of a tenant as if nothing bounded it. Raise KeyError where none waits."""
        return self._offers[tenant]

    def line(self, tenant: str) -> Line | None:
        """Return the line of a tenant, None where it does not wait."""
        offer = self._offers.get(tenant)
        return None if offer is None else offer.parts[0].line

    def waiting(self, most: int) -> int:
        """Count the jobs of all its lines, to `most`."""
        count = 0
        for offer in self._offers.values():
            count += offer.parts[0].line.waiting
            if count >= most:
                return most
        return count

    def leave(self, tenant: str) -> None:
        """Take out a tenant whose line is empty."""
        del self._offers[tenant]
        for names in self._names_with(tenant):
            names.remove(tenant)

    def behind(self, tenant: str, tenants: Tenants | None) -> Iterator[str]:
        """Walk once around, from behind a tenant to itself; with `tenants` past these alone."""
        if tenants is not None:
            names = self._some.get(tenants)
            if names is None:
                names = self._some[tenants] = Names(self._among(tenants))
            return names.behind(tenant)
        if self._names is None:
            self._names = Names(self._offers)
        return self._names.behind(tenant)

    def _names_with(self, tenant: str) -> list[Names]:
        """Return those of the orders that are kept in which a tenant has a place."""
        kept = [] if self._names is None else [self._names]
        if self._some:
            kept += [names for tenants, names in self._some.items() if tenant in tenants]
        return kept

    def _among(self, tenants: Tenants) -> list[str]:
        if tenants.is_rest or len(self._offers) < len(tenants.names):
            return [name for name in self._offers if name in tenants]
        return [name for name in tenants.names if name in self._offers]
