"""Named pools of workers: what TASKQ["WORKERS"] says, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django_taskq.jobs.tenants import Tenants

# Whom to steal from: all but one's own tenants.
ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPool:
    """What a project says of one pool; None leaves it to `runworker`. Durations are in seconds."""

    backends: tuple[str, ...] | None = None
    queues: tuple[str, ...] | None = None
    excluded_queues: frozenset[str] = frozenset()
    tenants: Tenants | None = None
    steal: Tenants | None = None
    threads: int | None = None
    async_concurrency: int | None = None
    poll_interval: float | None = None
    is_scheduler: bool = True


def read_pools(pools: Mapping[str, Any]) -> dict[str, NamedPool]:
    """Read pools in which nothing is wrong."""
    return {name: _read(given) for name, given in pools.items()}


def share_out(tenants: Tenants | None, steal: Tenants | None) -> Tenants | None:
    """Return whom to steal from, one's own tenants left out; None for nobody."""
    if tenants is None or steal is None:
        return None
    if steal.is_rest:
        return Tenants((*tenants.names, *steal.names), is_rest=True)
    others = Tenants(set(steal.names) - set(tenants.names))
    return others if others.names else None


def _read(given: Mapping[str, Any]) -> NamedPool:
    backend, tenants, steal = (given.get(key) for key in ("backend", "tenants", "steal"))
    queues = given.get("queues")
    own = None if tenants is None else Tenants(tenants)
    if steal == ALL:
        others: Tenants | None = Tenants((), is_rest=True)
    else:
        others = None if steal is None else Tenants(steal)
    poll_interval = given.get("poll_interval")
    return NamedPool(
        backends=(backend,) if isinstance(backend, str) else backend and tuple(backend),
        queues=None if queues is None else tuple(queues),
        excluded_queues=frozenset(given.get("exclude_queues") or ()),
        tenants=own,
        steal=share_out(own, others),
        threads=given.get("threads"),
        async_concurrency=given.get("async_concurrency"),
        poll_interval=None if poll_interval is None else float(poll_interval),
        is_scheduler=given.get("scheduler") is not False,
    )
