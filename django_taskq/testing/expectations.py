"""What a test expects to have been enqueued."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict, Unpack

from django.db import connections
from django.tasks import TaskResult
from django.tasks.base import DEFAULT_TASK_BACKEND_ALIAS
from django.tasks.base import Task as DjangoTask
from django.utils import timezone

from django_taskq.backends.naming import insert_later
from django_taskq.control import store_of
from django_taskq.jobs import payload
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.record import JobRecord
from django_taskq.loading import path_of
from django_taskq.results import readable, result_of
from django_taskq.stores.base import Store

EVERY = 1_000_000
# How far from a `run_after` wanted as a timedelta a job's may be: it counts from using(), some
# time before the job is stored.
TOLERANCE = timedelta(seconds=5)
MOST_TOLD = 20


class Wanted(TypedDict, total=False):
    """What the wanted jobs are like; what is not given may be anything."""

    args: Iterable[Any]
    kwargs: Mapping[str, Any]
    queue: str
    tenant: str
    priority: int
    run_after: datetime | timedelta
    metadata: Mapping[str, Any]


def enqueued(task: DjangoTask | None = None, backend: str | None = None) -> list[TaskResult]:
    """Return the jobs that have not ended, of one task or of all, in the order of enqueueing.

    `backend` is the task's own where it is not given. `result.task` has the options that each was
    enqueued with.
    """
    return [result_of(record) for record in _unfinished(_alias_of(task, backend), task)]


def results(task: DjangoTask | None = None, backend: str | None = None) -> list[TaskResult]:
    """Return all jobs, ended or not, of one task or of all, in the order of enqueueing."""
    store = store_of(_alias_of(task, backend))
    ids = [record.id for record in _records(store, task)]
    # A second look, for the errors of their tries.
    return [result_of(record) for record in store.get(ids)]


def assert_enqueued(
    task: DjangoTask | None = None,
    *,
    count: int | None = None,
    backend: str | None = None,
    **wanted: Unpack[Wanted],
) -> list[TaskResult]:
    """Return the unfinished jobs that are as wanted. Raise AssertionError unless there are `count`.

    Without `count` one or more are expected. `run_after` as a timedelta counts from the
    enqueueing, give or take five seconds.
    """
    __tracebackhide__ = True
    alias, expected = _alias_of(task, backend), Expectation(task, wanted)
    found = expected.found_in(alias)
    if len(found) != count if count is not None else not found:
        number = "at least 1 unfinished job" if count is None else f"{count} unfinished job(s)"
        raise AssertionError(f"Expected {number}{expected}, got {len(found)}. {_told(alias)}")
    return [result_of(record) for record in found]


def assert_not_enqueued(
    task: DjangoTask | None = None, *, backend: str | None = None, **wanted: Unpack[Wanted]
) -> None:
    """Raise AssertionError where there is an unfinished job like this."""
    __tracebackhide__ = True
    alias, expected = _alias_of(task, backend), Expectation(task, wanted)
    found = expected.found_in(alias)
    if found:
        raise AssertionError(
            f"Expected no unfinished job{expected}, got {len(found)}. {_told(alias)}"
        )


class Expectation:
    """The jobs that are wanted. Raise TypeError for a name that `Wanted` has not."""

    def __init__(self, task: DjangoTask | None, wanted: Wanted) -> None:
        unknown = set(wanted) - set(Wanted.__annotations__)
        if unknown:
            raise TypeError(
                f"Expected some of {', '.join(Wanted.__annotations__)}, count and backend, got "
                f"{', '.join(sorted(unknown))}."
            )
        self._task = task
        self._wanted = wanted

    def __str__(self) -> str:
        task = "" if self._task is None else f" of {self._task.module_path}"
        wanted = ", ".join(f"{name}={value!r}" for name, value in self._wanted.items())
        return f"{task} with {wanted}" if wanted else task

    def found_in(self, alias: str) -> list[JobRecord]:
        """Return the unfinished jobs of an alias that are as wanted."""
        return [record for record in _unfinished(alias, self._task) if self._is_met_by(record)]

    def _is_met_by(self, record: JobRecord) -> bool:
        found = _facts_of(record)
        return all(
            found[name] == _as_json(value)
            for name, value in self._wanted.items()
            if name != "run_after"
        ) and _is_due(record, self._wanted.get("run_after"))


def _alias_of(task: DjangoTask | None, backend: str | None) -> str:
    if backend is not None:
        return backend
    return DEFAULT_TASK_BACKEND_ALIAS if task is None else task.backend


def _records(store: Store, task: DjangoTask | None) -> list[JobRecord]:
    path = None if task is None else path_of(task)[0]
    return store.find(JobFilter(task=path, limit=EVERY))[::-1]


def _unfinished(alias: str, task: DjangoTask | None = None) -> list[JobRecord]:
    return [record for record in _records(store_of(alias), task) if not record.is_ended]


def _facts_of(record: JobRecord) -> dict[str, Any]:
    """Return what a job is like, as far as `Wanted` asks."""
    return {
        "args": readable(record.args, []),
        "kwargs": readable(record.kwargs, {}),
        "queue": record.queue,
        "tenant": record.tenant,
        "priority": record.priority,
        "run_after": record.run_after,
        "metadata": record.metadata,
    }


def _as_json(value: Any) -> Any:
    """Return a value as a job keeps it: a tuple is a list there."""
    return payload.decode(payload.encode(value, "the wanted value"))


def _is_due(record: JobRecord, wanted: datetime | timedelta | None) -> bool:
    if wanted is None:
        return True
    if record.run_after is None:
        return False
    if isinstance(wanted, timedelta):
        return abs(record.run_after - record.enqueued_at - wanted) <= TOLERANCE
    if timezone.is_naive(wanted):
        wanted = timezone.make_aware(wanted, timezone.get_default_timezone())
    return record.run_after == wanted


def _told(alias: str) -> str:
    """Tell what there is instead, and what may come with a commit."""
    records = _unfinished(alias)
    if records:
        lines = [_line_of(record) for record in records[:MOST_TOLD]]
        if len(records) > MOST_TOLD:
            lines.append(f"  and {len(records) - MOST_TOLD} more")
        text = "\n".join([f"Unfinished in {alias!r}:", *lines])
    else:
        text = f"Nothing is unfinished in {alias!r}."
    return text + _told_of_commits(alias)


def _line_of(record: JobRecord) -> str:
    facts = _facts_of(record)
    given = [repr(value) for value in facts.pop("args")]
    given += [f"{name}={value!r}" for name, value in facts.pop("kwargs").items()]
    more = [f"{name}={value}" for name, value in facts.items() if value not in (None, "", {}, 0)]
    return f"  {record.task}({', '.join(given)}) {record.state} {' '.join(more)}"


def _told_of_commits(alias: str) -> str:
    count = sum(len(specs) for specs in _waiting_for_commit(store_of(alias)))
    if not count:
        return ""
    return (
        f"\n{count} more will be stored when the transaction commits, since ENQUEUE_ON_COMMIT is "
        "set: enqueue inside of captureOnCommitCallbacks(execute=True)."
    )


def _waiting_for_commit(store: Store) -> Iterator[Sequence[Any]]:
    for connection in connections.all(initialized_only=True):
        for _, callback, *_ in connection.run_on_commit:
            if isinstance(callback, partial) and callback.func is insert_later:
                waiting_in, specs, _ = callback.args
                if waiting_in is store:
                    yield specs
