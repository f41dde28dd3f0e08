"""What operators say of tenants and queues, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django_taskq.jobs.limits import NO_GATE, Limit, queue_key, read_gate, tenant_key
from django_taskq.jobs.rate import Rate


class TenantRule(NamedTuple):
    """What a Tenant row says."""

    weight: int = 1
    max_running: int | None = None
    rate: Rate | None = None
    is_paused: bool = False


class QueueRule(NamedTuple):
    """What a Queue row says."""

    max_running: int | None = None
    is_paused: bool = False


_ANY_TENANT = TenantRule()
_ANY_QUEUE = QueueRule()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rows that say anything but the defaults, by name. A tenant or queue needs no row."""

    tenants: Mapping[str, TenantRule] = field(default_factory=dict)
    queues: Mapping[str, QueueRule] = field(default_factory=dict)

    def weight_of(self, tenant: str) -> int:
        """Return a tenant's weight."""
        return self.tenants.get(tenant, _ANY_TENANT).weight

    def paused_tenants(self) -> frozenset[str]:
        """Return the tenants whose jobs are not to start."""
        return frozenset(name for name, rule in self.tenants.items() if rule.is_paused)

    def paused_queues(self) -> frozenset[str]:
        """Return the queues whose jobs are not to start."""
        return frozenset(name for name, rule in self.queues.items() if rule.is_paused)

    def is_paused(self, queue: str, tenant: str) -> bool:
        """Tell whether a lane is not to be served."""
        return (
            self.tenants.get(tenant, _ANY_TENANT).is_paused
            or self.queues.get(queue, _ANY_QUEUE).is_paused
        )

    def limits_of(self, queue: str, tenant: str, gate: str = NO_GATE) -> tuple[Limit, ...]:
        """Return all that bounds the starts of a lane's jobs, sorted by key."""
        limits: list[Limit] = []
        if gate != NO_GATE:
            limits.extend(read_gate(gate).limits)
        cap = self.queues.get(queue, _ANY_QUEUE).max_running
        if cap is not None:
            limits.append(Limit(queue_key(queue), cap))
        rule = self.tenants.get(tenant, _ANY_TENANT)
        if rule.max_running is not None or rule.rate is not None:
            limits.append(Limit(tenant_key(tenant), rule.max_running, rule.rate))
        return tuple(sorted(limits, key=lambda limit: limit.key))
