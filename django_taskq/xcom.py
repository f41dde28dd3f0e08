"""XCom: small JSON values that jobs hand to one another, by tenant, namespace and key.

Inside a job the functions are about its tenant and its alias, and what it pushes belongs to its
attempt; outside they take `tenant` and `backend`. They work on an event loop too, which they hold
up for the moment: `await sync_to_async(xcom.pull)(...)` does not.
"""

from collections.abc import Iterable
from typing import Any

from django.tasks import task_backends
from django.tasks.base import DEFAULT_TASK_BACKEND_ALIAS

from django_taskq.context import current_job
from django_taskq.control import store_of
from django_taskq.jobs import payload
from django_taskq.jobs.xcom import XComFilter
from django_taskq.sides import Lifetime, Side, check_key, checked, side_of
from django_taskq.tenancy import check_tenant


def push(
    key: str,
    value: Any,
    ttl: Lifetime | None = None,
    namespace: str | None = None,
    *,
    tenant: str | None = None,
    backend: str | None = None,
) -> None:
    """Store a value under a key. `ttl` is in seconds or a timedelta, 0 for no end.

    Raise TypeError or ValueError where it is no JSON or a name cannot be used, XComTooLarge where
    it has more bytes than XCOM_MAX_BYTES.
    """
    _side(tenant, backend).push(key, value, ttl, namespace)


def pull(
    key: str,
    default: Any = ...,
    *,
    task_id: str | None = None,
    namespace: str | None = None,
    tenant: str | None = None,
    backend: str | None = None,
) -> Any:
    """Return the value under a key, or the default. Raise XComDoesNotExist where there is neither.

    With `task_id` only what a job of that id pushed, or of a function of that name.
    """
    return _side(tenant, backend).pull(key, default, task_id, namespace)


def pull_many(
    keys: Iterable[str],
    default: Any = ...,
    *,
    task_id: str | None = None,
    namespace: str | None = None,
    tenant: str | None = None,
    backend: str | None = None,
) -> dict[str, Any]:
    """Return the values under many keys, by key, in few round trips.

    Missing ones get the default. Raise XComDoesNotExist where there is none.
    """
    return _side(tenant, backend).pull_many(list(keys), default, task_id, namespace)


def pull_all(
    namespace: str | None = None, *, tenant: str | None = None, backend: str | None = None
) -> dict[str, Any]:
    """Return all values of a namespace, by key."""
    side = _side(tenant, backend)
    wanted = XComFilter(side.tenant, side.namespace(namespace))
    found = side.ask(lambda: side.store.xcoms.find(wanted))
    return {record.key: payload.decode(record.value) for record in found}


def delete(
    key: str,
    namespace: str | None = None,
    *,
    tenant: str | None = None,
    backend: str | None = None,
) -> bool:
    """Delete what is stored under a key, whoever pushed it; False where nothing was."""
    side = _side(tenant, backend)
    where = side.namespace(namespace)
    checked(check_key, "key", key)
    return side.ask(lambda: side.store.xcoms.delete(side.tenant, where, [key])) > 0


def clear(
    namespace: str | None = None, *, tenant: str | None = None, backend: str | None = None
) -> int:
    """Delete all values of a namespace, whoever pushed them; return how many."""
    side = _side(tenant, backend)
    where = side.namespace(namespace)
    return side.ask(lambda: side.store.xcoms.delete(side.tenant, where))


def namespaces(*, tenant: str | None = None, backend: str | None = None) -> list[str]:
    """Return the names of the namespaces that have values."""
    side = _side(tenant, backend)
    return side.ask(lambda: side.store.xcoms.namespaces(side.tenant))


def keys(
    namespace: str | None = None, *, tenant: str | None = None, backend: str | None = None
) -> list[str]:
    """Return the keys of a namespace."""
    side = _side(tenant, backend)
    where = side.namespace(namespace)
    return side.ask(lambda: side.store.xcoms.keys(side.tenant, where))


def _side(tenant: str | None, backend: str | None) -> Side:
    job = current_job()
    # Another store than the job's own knows nothing of its attempts.
    if job is not None and backend in (None, job.task_result.backend):
        side = side_of(job)
    else:
        alias = DEFAULT_TASK_BACKEND_ALIAS if backend is None else backend
        store = store_of(alias)
        made: Any = task_backends[alias]
        side = Side(store, made.tenant_here() if tenant is None else tenant)
    return side if tenant is None else side._replace(tenant=checked(check_tenant, "tenant", tenant))
