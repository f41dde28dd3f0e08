"""What callers and operators do with enqueued jobs: wait, look, cancel, retry, requeue."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, overload

from asgiref.sync import sync_to_async
from django.db import connections, router, transaction
from django.tasks import TaskResult, task_backends
from django.tasks.base import DEFAULT_TASK_BACKEND_ALIAS
from django.tasks.exceptions import InvalidTaskBackend, TaskResultDoesNotExist

from django_taskq.exceptions import JobStateError, WaitTimeout
from django_taskq.explaining import explained
from django_taskq.jobs.amendment import Amendment, check_priority
from django_taskq.jobs.change import UNSEEN, Change
from django_taskq.jobs.durations import seconds_to_wait
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import ENDED, State
from django_taskq.results import result_of
from django_taskq.signals import job_canceled
from django_taskq.stores.base import Store
from django_taskq.tenancy import check_name

if TYPE_CHECKING:
    from django_taskq.pipelines.run import PipelineRun

type Job = TaskResult | str
type Timeout = float | timedelta | None

LONGEST_QUEUE = 128


def store_of(alias: str) -> Store:
    """Return the store behind a TASKS alias. Raise InvalidTaskBackend where it is not ours."""
    store = getattr(task_backends[alias], "store", None)
    if not isinstance(store, Store):
        raise InvalidTaskBackend(f"The backend {alias!r} is not one of django_taskq.")
    return store


def get_job(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> JobRecord:
    """Return a stored job as a read-only value, with its attempts: their errors, times and logs.

    Raise TaskResultDoesNotExist.
    """
    id, alias = _named(result_or_id, backend)
    found = store_of(alias).history([id])
    if not found:
        raise TaskResultDoesNotExist(id)
    return found[0]


def why(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> str:
    """Return in one sentence why a job is not running, or that it runs or has ended.

    It holds for the moment at which the store was asked. Raise TaskResultDoesNotExist.
    """
    id, alias = _named(result_or_id, backend)
    outlook = store_of(alias).outlook(id)
    if outlook is None:
        raise TaskResultDoesNotExist(id)
    return explained(outlook)


@overload
def wait(result: TaskResult, timeout: Timeout = None) -> TaskResult: ...
@overload
def wait(result: "PipelineRun", timeout: Timeout = None) -> "PipelineRun": ...
def wait(result: "TaskResult | PipelineRun", timeout: Timeout = None) -> "TaskResult | PipelineRun":
    """Block until a job has ended, or is blocked; refresh its result in place and return it.

    A pipeline run is waited for likewise, until all its jobs have.

    `timeout` is in seconds or a timedelta, None or infinity waits for ever. Raise WaitTimeout when
    it is over, TaskResultDoesNotExist when the job is gone: deleted, pruned, or never stored. What
    was not seen at all counts as gone after five seconds, in memory at once, so wait for a job
    after the commit of the transaction that enqueues it. On MariaDB and MySQL call it outside of a
    transaction, which would never see the job end.
    """
    if not isinstance(result, TaskResult):
        from django_taskq.pipelines.run import PipelineRun

        if isinstance(result, PipelineRun):
            return result.wait(timeout)
        raise TypeError(
            f"Expected the TaskResult that enqueue() returned, got {result!r}. For an id "
            "get_result() of the task returns it."
        )
    store = store_of(result.backend)
    left = seconds = seconds_to_wait(timeout)
    deadline = None if seconds is None else monotonic() + seconds
    while store.wait_ended([result.id], left):
        result.refresh()
        if result.is_finished or is_blocked(store, result.id):
            return result
        # It was retried, or committed at last, in between.
        left = None if deadline is None else max(0.0, deadline - monotonic())
    # Says so where the job does not exist any more.
    result.refresh()
    raise WaitTimeout(f"Job {result.id} has not ended within {seconds} seconds.")


def is_blocked(store: Store, id: str) -> bool:
    """Tell whether a job waits for one that has failed."""
    return any(record.is_blocked for record in store.get([id]))


@overload
async def await_result(result: TaskResult, timeout: Timeout = None) -> TaskResult: ...
@overload
async def await_result(result: "PipelineRun", timeout: Timeout = None) -> "PipelineRun": ...
async def await_result(result: Any, timeout: Timeout = None) -> Any:
    """Wait for a job, or a pipeline run, as `wait` does, without blocking the event loop."""
    return await sync_to_async(_wait_apart, thread_sensitive=False)(result, timeout)


def _wait_apart(result: Any, timeout: Timeout) -> Any:
    """Wait in a thread that no request owns: nobody else would close its connections."""
    try:
        return wait(result, timeout)
    finally:
        connections.close_all()


def cancel(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> bool:
    """Cancel a job that waits, or ask a running one to stop; False where it had ended.

    Raise TaskResultDoesNotExist for an unknown id.
    """
    id, alias = _named(result_or_id, backend)
    change = cancel_many([id], alias)[0]
    return change.is_asked or change.before not in ENDED


def cancel_many(ids: Iterable[str], backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> list[Change]:
    """Cancel many jobs; return what became of each, in the order asked."""
    return _known(cancel_known(ids, backend))


def cancel_known(ids: Iterable[str], backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> list[Change]:
    """Cancel those of the jobs that still exist; the change of one that does not says so."""
    changes = store_of(backend).cancel(_parsed(ids))
    tell_canceled(changes, backend)
    return changes


def tell_canceled(changes: Iterable[Change], backend: str) -> None:
    """Send `job_canceled` for those of the jobs that a cancel has ended."""
    canceled = [item.id for item in changes if item.after == State.CANCELED != item.before]
    _send_canceled(canceled, backend)
    tell_fallen(backend)


def tell_fallen(backend: str) -> None:
    """Send `job_canceled` for jobs that fell; rows may be part of a transaction that is open."""
    store = store_of(backend)
    if store.is_local:
        take_fallen(store)
    elif store.has_edges:
        transaction.on_commit(partial(take_fallen, store), using=database_of(backend), robust=True)


def take_fallen(store: Store) -> None:
    """Send `job_canceled` for what fell in this process; where that raises, the next call does."""
    fallen = store.falls.take()
    if fallen:
        try:
            _send_canceled(fallen, store.alias)
        except store.outages:
            store.falls.note(fallen)
            raise


def _send_canceled(ids: list[str], backend: str) -> None:
    if job_canceled.has_listeners() and ids:
        sender = type(task_backends[backend])
        for record in store_of(backend).get(ids):
            job_canceled.send_robust(sender, task_result=result_of(record), duration=None)


def retry(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> TaskResult:
    """Run a failed, canceled or skipped job again, with fresh tries; its history is kept.

    Raise JobStateError where the job is in another state, or its `task_id` another job's by now;
    TaskResultDoesNotExist for an unknown id.
    """
    id, alias = _named(result_or_id, backend)
    change = retry_many([id], alias)[0]
    if change.held_by is not None:
        raise JobStateError(
            f"Job {id} cannot run again: {held_by(change.held_by)}. Wait for the end of that one "
            "or cancel it, or requeue() this one: a copy has no task_id."
        )
    if change.before == change.after:
        raise JobStateError(
            f"Expected job {id} to be FAILED, CANCELED or SKIPPED, got {change.before}. "
            "requeue() enqueues a copy of a job in any state."
        )
    return _result(id, alias)


def held_by(id: str) -> str:
    """Return in half a sentence why a job does not get its predictable id back."""
    if id == UNSEEN:
        return "its task_id is held by a job that this transaction cannot see"
    return f"its task_id is held by {id}"


def retry_many(ids: Iterable[str], backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> list[Change]:
    """Retry many jobs; return what became of each, in the order asked."""
    return _known(store_of(backend).retry(_parsed(ids)))


def requeue(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> TaskResult:
    """Enqueue a copy of a job, whatever its state. Raise TaskResultDoesNotExist."""
    id, alias = _named(result_or_id, backend)
    inserted = store_of(alias).requeue([id])
    if not inserted:
        raise TaskResultDoesNotExist(id)
    return _result(inserted[0].id, alias)


def requeue_many(ids: Iterable[str], backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> list[str]:
    """Enqueue a copy of each job; return the ids of the copies, unknown jobs left out."""
    return [inserted.id for inserted in store_of(backend).requeue(_parsed(ids))]


def run_now_many(ids: Iterable[str], backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> list[Change]:
    """Make scheduled jobs ready before their time; return what became of each."""
    return _known(store_of(backend).run_now(_parsed(ids)))


def amend(
    result_or_id: Job,
    backend: str = DEFAULT_TASK_BACKEND_ALIAS,
    *,
    queue: str | None = None,
    priority: int | None = None,
) -> TaskResult:
    """Give a job that waits another queue, another priority, or both.

    It keeps its times and what it has waited so far. Raise JobStateError where the job does not
    wait any more, ValueError for a name or a number that no job of the alias can have,
    TaskResultDoesNotExist for an unknown id.
    """
    id, alias = _named(result_or_id, backend)
    (change,) = amend_many([id], alias, queue=queue, priority=priority)
    if not change.is_amended:
        raise JobStateError(
            f"Expected job {id} to be SCHEDULED, DEFERRED or READY, got {change.before}. "
            "requeue() enqueues a copy of a job in any state."
        )
    return _result(id, alias)


def amend_many(
    ids: Iterable[str],
    backend: str = DEFAULT_TASK_BACKEND_ALIAS,
    *,
    queue: str | None = None,
    priority: int | None = None,
) -> list[Change]:
    """Amend many jobs as `amend` does; return what became of each, in the order asked."""
    amendment = Amendment(queue, priority)
    wrong = check_amendment(amendment, backend)
    if wrong is not None:
        raise ValueError(wrong)
    return _known(store_of(backend).amend(_parsed(ids), amendment))


def check_amendment(amendment: Amendment, backend: str) -> str | None:
    """Return in a sentence what keeps jobs of an alias from being amended so, or None."""
    known = task_backends[backend].queues
    queue = amendment.queue
    if queue is not None and known and queue not in known:
        named = ", ".join(map(repr, sorted(known)))
        return (
            f"queue: expected one of the QUEUES of the alias {backend!r} ({named}), got {queue!r}."
        )
    return check_form(amendment)


def check_form(amendment: Amendment) -> str | None:
    """Return in a sentence what keeps jobs of any alias from being amended so, or None."""
    queue, priority = amendment
    if queue is None and priority is None:
        return "Expected a queue, a priority or both to give to the jobs, got neither."
    wrong = "expected a name, got ''" if queue == "" else None
    if queue:
        wrong = check_name(queue, LONGEST_QUEUE)
    if wrong is not None:
        return f"queue: {wrong}."
    wrong = None if priority is None else check_priority(priority)
    return None if wrong is None else f"priority: {wrong}."


def delete_many(ids: Iterable[str], backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> int:
    """Delete those of the jobs that have ended, with their history; return how many."""
    deleted = store_of(backend).delete(_parsed(ids))
    tell_fallen(backend)
    return deleted


def durable_aliases() -> list[str]:
    """Return the TASKS aliases whose jobs every process can see."""
    return [
        alias for alias in task_backends if getattr(task_backends[alias], "needs_worker", False)
    ]


def our_aliases() -> list[str]:
    """Return the TASKS aliases that are ours, those that cannot be made included."""
    return [alias for alias in task_backends if _may_be_ours(alias)]


def _may_be_ours(alias: str) -> bool:
    try:
        return hasattr(task_backends[alias], "needs_worker")
    except InvalidTaskBackend:
        return True


def database_of(alias: str) -> str:
    """Return the name of the database that holds the rows of a durable alias."""
    from django_taskq.models import Job as Row

    return store_of(alias).options.database or router.db_for_write(Row)


def locate(
    ids: Iterable[str], backends: Iterable[str], *, has_attempts: bool = False
) -> dict[str, JobRecord]:
    """Return the jobs with these ids, wherever among the backends they stand; unknown ones not."""
    found: dict[str, JobRecord] = {}
    wanted = _parsed(ids)
    for alias in backends:
        left = [id for id in wanted if id not in found]
        if left:
            store = store_of(alias)
            read = store.history if has_attempts else store.get
            found |= {record.id: record for record in read(left)}
    return found


def find(wanted: JobFilter, backends: Iterable[str]) -> list[JobRecord]:
    """Return the newest jobs of several backends that match."""
    found = [record for alias in backends for record in store_of(alias).find(wanted)]
    found.sort(key=lambda record: record.enqueued_at, reverse=True)
    return found[: wanted.limit]


def _result(id: str, alias: str) -> TaskResult:
    found = store_of(alias).get([id])
    if not found:
        raise TaskResultDoesNotExist(id)
    return result_of(found[0])


def _named(result_or_id: Job, backend: str) -> tuple[str, str]:
    if isinstance(result_or_id, TaskResult):
        return result_or_id.id, result_or_id.backend
    return _parsed([result_or_id])[0], backend


def _parsed(ids: Iterable[Any]) -> list[str]:
    parsed = []
    for given in ids:
        id = parse_id(given)
        if id is None:
            raise TaskResultDoesNotExist(str(given))
        parsed.append(id)
    return parsed


def _known(changes: list[Change]) -> list[Change]:
    for change in changes:
        if change.before is None:
            raise TaskResultDoesNotExist(change.id)
    return changes
