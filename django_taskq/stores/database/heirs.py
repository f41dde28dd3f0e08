"""Who may be handed at once what a finish frees."""

from typing import NamedTuple

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.rules import Rules
from django_taskq.stores.database.search import FEW_NAMES


class Heir(NamedTuple):
    """A worker with room for so many jobs, and whose jobs it may be handed without a claim.

    None in `queues` and `tenants` stands for all but those that are left out. It is handed nothing
    where any job of its backend is ready: then there are turns, and they are a claim's to keep.
    """

    worker_id: str
    room: int
    queues: tuple[str, ...] | None
    tenants: tuple[str, ...] | None
    queues_left_out: tuple[str, ...]
    tenants_left_out: tuple[str, ...]


def heir_of(request: ClaimRequest, rules: Rules) -> Heir | None:
    """Return who inherits by a request; None where only a claim can say who may start.

    Left out is what is paused and what is limited: limits are counted by claims alone.
    """
    tenants = request.tenants
    if request.suspects or request.limit < 1:
        return None
    if tenants is not None and len(tenants.names) > FEW_NAMES:
        return None
    named, others = None, frozenset[str]()
    if tenants is not None and tenants.is_rest:
        others = frozenset(tenants.names)
    elif tenants is not None:
        named = tenants.names
    bound_tenants = {
        name
        for name, rule in rules.tenants.items()
        if rule.is_paused or rule.max_running is not None or rule.rate is not None
    }
    bound_queues = {
        name
        for name, rule in rules.queues.items()
        if rule.is_paused or rule.max_running is not None
    }
    return Heir(
        request.worker_id,
        request.limit,
        request.queues,
        named,
        tuple(bound_queues | request.excluded_queues),
        tuple(bound_tenants | others),
    )
