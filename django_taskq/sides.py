"""From where XCom values are pushed and pulled: a store, a tenant, and maybe a running job."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django_taskq.aside import aside
from django_taskq.context import JobContext
from django_taskq.control import store_of
from django_taskq.exceptions import XComDoesNotExist
from django_taskq.jobs import payload
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.xcom import (
    DEFAULT_NAMESPACE,
    LONGEST_NAME,
    Pusher,
    XCom,
    check_ttl,
    read_ttl,
    write_value,
)
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.tenancy import check_name

type Lifetime = float | timedelta


class Side(NamedTuple):
    """From where values are looked at: a store and a tenant, and the job that looks, if any."""

    store: Store
    tenant: str
    job: JobContext | None = None

    def push(self, key: str, value: Any, ttl: Lifetime | None, namespace: str | None) -> None:
        """Store a value."""
        where = self.namespace(namespace)
        job, options = self.job, self.store.options
        made = XCom(
            self.tenant,
            where,
            checked(check_key, "key", key),
            write_value(key, value, options.xcom_max_bytes),
            life_of(job and job.task_result.task, options, ttl),
            None if job is None else pusher_of(job._notepad.claim),
        )
        self.ask(lambda: self.store.xcoms.push([made]))

    def pull(self, key: str, default: Any, by: str | None, namespace: str | None) -> Any:
        """Return the value under a key, or the default."""
        return self.pull_many([key], default, by, namespace)[key]

    def pull_many(
        self, keys: list[str], default: Any, by: str | None, namespace: str | None
    ) -> dict[str, Any]:
        """Return values by key, or the default for those that are missing."""
        for key in keys:
            checked(check_key, "key", key)
        where = self._looked_in(namespace)
        found = self.ask(lambda: self.store.xcoms.pull(self.tenant, where, keys, by))
        missing = [key for key in keys if key not in found]
        if missing and default is ...:
            raise XComDoesNotExist(_missing(missing, where, by, self.tenant))
        return {
            key: payload.decode(found[key]) if key in found else default
            for key in keys
        }  # fmt: skip

    def namespace(self, given: str | None) -> str:
        """Return the namespace to push to: the one given, else the job's own."""
        if given is not None:
            return checked(check_namespace, "namespace", given)
        return namespaces_of(self.job)[0]

    def ask[T](self, verb: Callable[[], T]) -> T:
        """Call a verb of the store, in another thread where an event loop runs in this one."""
        return verb() if self.store.is_local else aside(verb)

    def _looked_in(self, given: str | None) -> list[str]:
        if given is not None:
            return [checked(check_namespace, "namespace", given)]
        return namespaces_of(self.job)


def side_of(job: JobContext) -> Side:
    """Return from where a job looks at values."""
    return Side(store_of(job.task_result.backend), job.tenant, job)


def namespaces_of(job: JobContext | None) -> list[str]:
    """Return where a pull looks: in the task's namespace, the run's, then in the default one.

    A push goes to the first of them.
    """
    if job is None:
        return [DEFAULT_NAMESPACE]
    own = getattr(job.task_result.task, "xcom_namespace", None)
    found = [own, job._notepad.claim.run_id, DEFAULT_NAMESPACE]
    return list(dict.fromkeys(name for name in found if name is not None))


def pusher_of(claim: Claim) -> Pusher:
    """Return the attempt of a claim as the one that pushes."""
    return Pusher(claim.seq, claim.attempt, claim.id, name_of(claim))


def name_of(claim: Claim) -> str:
    """Return the name by which others know a job: its `task_id`, or its function's."""
    return claim.task_id or claim.task.rpartition(".")[2][:LONGEST_NAME]


def life_of(task: Any, options: Options, given: Lifetime | None = None) -> float | None:
    """Return how many seconds a value is to live: as given, as its task says, or its alias."""
    for ttl in (given, getattr(task, "xcom_ttl", None)):
        if ttl is not None:
            checked(check_ttl, "ttl", ttl)
            return read_ttl(ttl)
    return read_ttl(options.xcom_ttl)


def check_key(key: object) -> str | None:
    """Return what is wrong with a key, or None where it can be used."""
    return "expected a key, got ''" if key == "" else check_name(key, LONGEST_NAME)


def check_namespace(namespace: object) -> str | None:
    """Return what is wrong with the name of a namespace, or None where it can be used."""
    return "expected a name, got ''" if namespace == "" else check_name(namespace, LONGEST_NAME)


def check_pulls(pulls: object) -> str | None:
    """Return what is wrong with `pull_keys`, or None where they can be used."""
    if not isinstance(pulls, Mapping):
        return f"expected a dict of parameters and keys, got {pulls!r}"
    if not all(isinstance(name, str) for name in pulls):
        return f"expected names of parameters, got {pulls!r}"
    return next((wrong for wrong in map(check_key, pulls.values()) if wrong is not None), None)


def checked[T](check: Callable[[T], str | None], name: str, value: T) -> T:
    """Return a value that can be used. Raise ValueError naming what it is for."""
    wrong = check(value)
    if wrong is not None:
        raise ValueError(f"{name}: {wrong}.")
    return value


def _missing(keys: list[str], namespaces: list[str], by: str | None, tenant: str) -> str:
    named = ", ".join(map(repr, keys[:5])) + (f" and {len(keys) - 5} more" if keys[5:] else "")
    where = " or ".join(map(repr, namespaces))
    pushed = "" if by is None else f" pushed by {by!r}"
    whose = f" of the tenant {tenant!r}" if tenant else ""
    return (
        f"There is no XCom value {named}{pushed} in the namespace {where}{whose}: it was not "
        "pushed, it has expired, or the attempt that pushed it is not its job's current one."
    )
