"""What every backend shares: from a task and its arguments to a stored job and its result."""

import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple

from django.core.checks import CheckMessage
from django.db import transaction
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.base import Task as DjangoTask
from django.tasks.base import TaskResult, TaskResultStatus
from django.tasks.exceptions import TaskResultDoesNotExist
from django.tasks.signals import task_enqueued
from django.utils import timezone
from django.utils.module_loading import import_string

from django_taskq.backends.checking import check_backend
from django_taskq.backends.validation import validate_options
from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs import payload
from django_taskq.jobs.ids import new_id, parse_id
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.loading import options_of, path_of
from django_taskq.options import Options, Reader, read_options
from django_taskq.results import make_result, result_of
from django_taskq.stores.base import Store
from django_taskq.tasks import Task
from django_taskq.tenancy import check_tenant, current_tenant

MOST_MOLDS = 1000


class Mold(NamedTuple):
    """What every job of one task shares. Tasks are frozen, so it is worked out once for each."""

    task: DjangoTask
    path: str
    max_tries: int | None
    metadata: str | None
    options: str | None
    gate: str


class Obstacle(NamedTuple):
    """What keeps the jobs of an alias from running here, and the way out, in sentences."""

    message: str
    hint: str


type Call = tuple[DjangoTask, Iterable[Any], Mapping[str, Any]]


class TaskqBackend(BaseTaskBackend):
    """A TASKS entry: validates, makes specs, hands them to its store.

    Instances are made per thread, maybe before the apps are ready: no I/O in the constructor,
    and nothing that lasts is kept on them.
    """

    task_class = Task
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    readers: ClassVar[Mapping[str, Reader]]
    needs_worker: ClassVar[bool]

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        # Django keeps a set, in which one name has fallen apart into its letters.
        self.given_queues = params.get("QUEUES")
        self._molds: dict[int, Mold] = {}
        self._store: Store | None = None
        self._store_pid = 0

    @cached_property
    def settings(self) -> Options:
        """OPTIONS, read and validated. Raise InvalidOptions."""
        return read_options(self.alias, self.options, self.readers)

    @property
    def store(self) -> Store:
        """The store of this alias in this process."""
        if self._store is None or self._store_pid != os.getpid():
            self._store, self._store_pid = self.open_store(), os.getpid()
        return self._store

    @abstractmethod
    def open_store(self) -> Store:
        """Return this process's store for the alias."""

    @classmethod
    def find_obstacle(cls, options: Options) -> Obstacle | None:
        """Return what keeps jobs with these OPTIONS from running in this process."""
        return None

    def validate_task(self, task: DjangoTask) -> None:
        """Check a task against this backend. Raise InvalidTask."""
        super().validate_task(task)
        validate_options(task)

    def enqueue(
        self, task: DjangoTask, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> TaskResult:
        """Store one job and return its result, READY."""
        spec = self._spec(task, args, kwargs)
        result = self._result(task, spec, self._insert([spec])[0])
        task_enqueued.send_robust(type(self), task_result=result)
        return result

    def enqueue_many(self, calls: Iterable[Call]) -> list[TaskResult]:
        """Store many jobs, all or none, in one round trip; one `task_enqueued` for each."""
        listed = list(calls)
        specs = [self._spec(task, args, kwargs) for task, args, kwargs in listed]
        if not specs:
            return []
        results = [
            self._result(task, spec, inserted)
            for (task, _, _), spec, inserted in zip(listed, specs, self._insert(specs), strict=True)
        ]
        for result in results:
            task_enqueued.send_robust(type(self), task_result=result)
        return results

    def get_result(self, result_id: str) -> TaskResult:
        """Return the result of a job. Raise TaskResultDoesNotExist."""
        id = parse_id(result_id)
        found = self.store.get([id]) if id is not None else []
        if not found:
            raise TaskResultDoesNotExist(result_id)
        return result_of(found[0])

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what the system checks have to say of this alias."""
        return list(check_backend(self))

    def _spec(self, task: DjangoTask, args: Iterable[Any], kwargs: Mapping[str, Any]) -> JobSpec:
        mold = self._mold_of(task)
        return JobSpec(
            new_id(),
            mold.path,
            payload.encode(args, "the arguments"),
            payload.encode(kwargs, "the keyword arguments"),
            task.queue_name,
            self._tenant_of(task),
            int(task.priority),
            _aware(task.run_after),
            mold.max_tries,
            mold.metadata,
            mold.options,
            mold.gate,
        )

    def _mold_of(self, task: DjangoTask) -> Mold:
        known = self._molds.get(id(task))
        if known is not None and known.task is task:
            return known
        self.validate_task(task)
        path, registered = path_of(task)
        metadata = getattr(task, "metadata", None)
        max_tries = getattr(task, "max_tries", None)
        mold = Mold(
            task,
            path,
            self.settings.max_tries if max_tries is None else max_tries,
            payload.encode(metadata, "metadata") if metadata else None,
            options_of(task, registered),
            gate_of(path, getattr(task, "max_running", None), getattr(task, "max_rate", None)),
        )
        if len(self._molds) >= MOST_MOLDS:
            self._molds.clear()
        self._molds[id(task)] = mold
        return mold

    def _tenant_of(self, task: DjangoTask) -> str:
        given = getattr(task, "tenant", None)
        if given is None:
            given = current_tenant()
        if given is None and self.settings.tenant is not None:
            given = self._ask_tenant(self.settings.tenant)
        return "" if given is None else str(given)

    def _ask_tenant(self, path: str) -> str | None:
        answer = import_string(path)()
        if answer is None:
            return None
        wrong = check_tenant(str(answer))
        if wrong is not None:
            raise InvalidTaskOption(f"tenant: {wrong}, from OPTIONS['TENANT'] ({path}).")
        return str(answer)

    def _insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        on_commit = self.settings.enqueue_on_commit
        if on_commit:
            using = None if on_commit is True else on_commit
            if transaction.get_connection(using).in_atomic_block:
                transaction.on_commit(partial(self.store.insert, specs), using=using)
                now = datetime.now(UTC)
                return [Inserted(spec.id, now) for spec in specs]
        return self.store.insert(specs)

    def _result(self, task: DjangoTask, spec: JobSpec, inserted: Inserted) -> TaskResult:
        return make_result(
            task,
            inserted.id,
            self.alias,
            TaskResultStatus.READY,
            inserted.enqueued_at,
            payload.decode(spec.args),
            payload.decode(spec.kwargs),
        )


def _aware(moment: datetime | None) -> datetime | None:
    """Return a moment in its time zone: without USE_TZ Django's times are naive local ones."""
    if moment is not None and timezone.is_naive(moment):
        return timezone.make_aware(moment, timezone.get_default_timezone())
    return moment
