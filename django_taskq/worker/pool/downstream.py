"""What a pool does for jobs in its children that ask for jobs kept in this process's memory."""

import logging
from typing import Any

from django.tasks import task_backends

from django_taskq.exceptions import DuplicateJob, InvalidPipeline
from django_taskq.jobs.xcom import XComFilter
from django_taskq.stores.base import Store
from django_taskq.worker.pool import codec
from django_taskq.worker.pool.wire import Message

logger = logging.getLogger("django_taskq.worker")

ID_VERBS = frozenset(
    {"get", "history", "holders", "requeue", "delete", "cancel", "retry", "run_now"}
)
XCOM_VERBS = {
    f"xcom {verb}": verb
    for verb in ("push", "pull", "find", "of_job", "namespaces", "keys", "delete")
}


def answer(number: int, alias: str, verb: str, values: list[Any]) -> Message:
    """Return the message that answers a job's question; an error becomes its text."""
    try:
        return ["answer", number, _done(alias, verb, values)]
    except DuplicateJob as error:
        return ["duplicate", number, [str(error), error.job_id, error.task_id]]
    except InvalidPipeline as error:
        return ["invalid", number, str(error)]
    except Exception as error:  # whatever is wrong is wrong for the job that asked
        logger.warning("A job could not %s on %r: %s", verb, alias, error)
        return ["refused", number, f"{type(error).__name__}: {error}"]


def _done(alias: str, verb: str, values: list[Any]) -> Any:
    backend: Any = task_backends[alias]
    if verb == "insert":
        return backend.accept([codec.specs.read(item) for item in values])
    store: Store = backend.store
    if verb in XCOM_VERBS:
        return getattr(store.xcoms, XCOM_VERBS[verb])(*_read(verb, values))
    if verb not in ID_VERBS:
        raise ValueError(f"Expected one of {', '.join(sorted(ID_VERBS))}, got {verb!r}.")
    return getattr(store, verb)(values)


def _read(verb: str, values: list[Any]) -> list[Any]:
    """Return the arguments of a verb about XCom values."""
    if verb == "xcom push":
        return [[codec.xcoms.read(item) for item in values[0]]]
    return [XComFilter(*values[0])] if verb == "xcom find" else values
