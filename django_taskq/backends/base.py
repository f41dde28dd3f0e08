"""What every backend shares: from a task and its arguments to a stored job and its result."""

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple

from django.core.checks import CheckMessage
from django.db import transaction
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.base import Task as DjangoTask
from django.tasks.base import TaskResult, TaskResultStatus
from django.tasks.exceptions import InvalidTask, TaskResultDoesNotExist
from django.tasks.signals import task_enqueued
from django.utils import timezone
from django.utils.module_loading import import_string

from django_taskq.backends import naming
from django_taskq.backends.checking import check_backend
from django_taskq.backends.upstreams import origin_of
from django_taskq.backends.validation import check_naming, validate_options, validate_stored
from django_taskq.control import tell_fallen
from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs import payload
from django_taskq.jobs.ids import new_id, parse_id
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.origin import Origin
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.unique import Entry, OnDuplicate, unique_key
from django_taskq.jobs.upstreams import have_upstreams
from django_taskq.loading import options_of, path_of
from django_taskq.middleware.headers import gather_headers, senders_of
from django_taskq.middleware.registry import stacks_of
from django_taskq.middleware.stack import Layers
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
    senders: Layers | None
    task_id: str | None
    on_duplicate: OnDuplicate
    origin: Origin | None


class Obstacle(NamedTuple):
    """What keeps the jobs of an alias from running here, and the way out, in sentences."""

    message: str
    hint: str


type Stored = tuple[DjangoTask, JobSpec, Inserted]
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
        # Django keeps a set, in which one name has fallen apart into its letters.
        self.given_queues = params.get("QUEUES", [])
        self.given_keys = tuple(params)
        if not isinstance(self.given_queues, Iterable):
            # The checks tell of it; an error here would keep all of them from running.
            params = {**params, "QUEUES": []}
        super().__init__(alias, params)
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
        if self.queues and task.queue_name not in self.queues:
            raise InvalidTask(
                f"Queue {task.queue_name!r} is not valid for backend. Expected one of the QUEUES "
                f"of TASKS[{self.alias!r}]: {', '.join(map(repr, sorted(self.queues)))}."
            )
        super().validate_task(task)
        validate_options(task, stacks_of(self.alias))

    def has_option(self, task: DjangoTask, name: str) -> bool:
        """Tell whether a middleware of the task's stack has this option."""
        return bool(stacks_of(self.alias).rules_of(name, task))

    def enqueue(
        self, task: DjangoTask, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> TaskResult:
        """Store one job and return its result, READY.

        A job with a `task_id` may stand for one that has the same, as `on_duplicate` says: then
        the result is that one's. Raise DuplicateJob.
        """
        spec = self._spec(task, args, kwargs)
        inserted = self._insert([spec])[0]
        if inserted.entry is Entry.EXISTING:
            return self._existing([(task, spec, inserted)])[0]
        result = self._result(task, spec, inserted)
        task_enqueued.send_robust(type(self), task_result=result)
        self._tell_fallen([spec])
        return result

    def enqueue_many(self, calls: Iterable[Call]) -> list[TaskResult]:
        """Store many jobs, all or none, in one round trip; one `task_enqueued` for each.

        Jobs that were there already are returned without the signal. Raise DuplicateJob.
        """
        return self.enqueue_placed(list(calls), list)

    def enqueue_placed(
        self, calls: Sequence[Call], place: Callable[[Sequence[JobSpec]], Sequence[JobSpec]]
    ) -> list[TaskResult]:
        """Store jobs as `enqueue_many` does, once `place` has given them their places in a run."""
        specs = place([self._spec(task, args, kwargs) for task, args, kwargs in calls])
        if not specs:
            return []
        stored = [
            (task, spec, inserted)
            for (task, _, _), spec, inserted in zip(calls, specs, self._insert(specs), strict=True)
        ]
        existing = [item for item in stored if item[2].entry is Entry.EXISTING]
        found = iter(self._existing(existing) if existing else ())
        results = [
            next(found) if item[2].entry is Entry.EXISTING else self._result(*item)
            for item in stored
        ]
        for (_, _, inserted), result in zip(stored, results, strict=True):
            if inserted.entry is not Entry.EXISTING:
                task_enqueued.send_robust(type(self), task_result=result)
        self._tell_fallen(specs)
        return results

    def _tell_fallen(self, specs: Sequence[JobSpec]) -> None:
        """Tell of jobs that ended at once, since what they wait for was canceled before."""
        if have_upstreams(specs):
            tell_fallen(self.alias)

    def spec_of(self, task: DjangoTask, args: Iterable[Any], kwargs: Mapping[str, Any]) -> JobSpec:
        """Return the job that `enqueue` would store, for what stores jobs together with rows."""
        return self._spec(task, args, kwargs)

    def report(self, stored: Iterable[Stored]) -> None:
        """Send `task_enqueued` for jobs made by `spec_of`, once they are stored."""
        if task_enqueued.has_listeners(type(self)):
            for item in stored:
                task_enqueued.send_robust(type(self), task_result=self._result(*item))

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
        spec = JobSpec(
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
        if mold.senders:
            # Headers differ from one enqueue to the next, unlike all that the mold keeps.
            headers = gather_headers(self.alias, mold.senders, spec, task)
            spec = spec._replace(trace=headers)
        if mold.origin is not None:
            spec = spec._replace(origin=mold.origin)
        if mold.task_id is None:
            return spec
        key = unique_key(self.alias, spec.tenant, mold.task_id)
        return spec._replace(task_id=mold.task_id, unique_key=key, on_duplicate=mold.on_duplicate)

    def _mold_of(self, task: DjangoTask) -> Mold:
        known = self._molds.get(id(task))
        if known is not None and known.task is task:
            return known
        self.validate_task(task)
        check_naming(task)
        path, registered = path_of(task)
        metadata = getattr(task, "metadata", None)
        max_tries = getattr(task, "max_tries", None)
        options = options_of(task, registered)
        if options is not None:
            validate_stored(task, options, stacks_of(self.alias))
        mold = Mold(
            task,
            path,
            self.settings.max_tries if max_tries is None else max_tries,
            payload.encode(metadata, "metadata") if metadata else None,
            options,
            gate_of(path, getattr(task, "max_running", None), getattr(task, "max_rate", None)),
            senders_of(self.alias, task),
            getattr(task, "task_id", None),
            OnDuplicate(getattr(task, "on_duplicate", None) or OnDuplicate.RAISE),
            origin_of(task, self.alias),
        )
        if mold.senders is not None:
            if len(self._molds) >= MOST_MOLDS:
                self._molds.clear()
            self._molds[id(task)] = mold
        return mold

    def _tenant_of(self, task: DjangoTask) -> str:
        given = getattr(task, "tenant", None)
        return self.tenant_here() if given is None else str(given)

    def tenant_here(self) -> str:
        """Return the tenant on whose behalf this code runs."""
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
                foreseen = naming.foresee(self.store, specs)
                later = partial(naming.insert_later, self.store, specs, foreseen)
                transaction.on_commit(later, using=using)
                return foreseen
        return self.store.insert(specs)

    def _existing(self, stored: Sequence[Stored]) -> list[TaskResult]:
        """Return the results of jobs that were there already."""
        found = {record.id: record for record in self.store.get([item[2].id for item in stored])}
        return [
            # One that is gone by now reads as it was; a refresh says so.
            result_of(found[item[2].id]) if item[2].id in found else self._result(*item)
            for item in stored
        ]

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
