"""Tasks: decorated functions with the options that their jobs carry."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, overload

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.tasks import TaskResult, task_backends
from django.tasks.base import (
    DEFAULT_TASK_BACKEND_ALIAS,
    DEFAULT_TASK_PRIORITY,
    DEFAULT_TASK_QUEUE_NAME,
)
from django.tasks.base import Task as DjangoTask
from django.tasks.exceptions import InvalidTask, InvalidTaskBackend
from django.utils import timezone

from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs.backoff import BackoffRule
from django_taskq.operators import Operators


class Priority(IntEnum):
    """Names for six levels; CRITICAL is a band of its own, served before all other work."""

    VERY_LOW = -80
    LOW = -40
    NORMAL = 0
    HIGH = 40
    VERY_HIGH = 80
    CRITICAL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature(Operators):
    """A call that is not made yet: a task with its arguments."""

    task: "Task"
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def using(self, **options: Any) -> "Signature":
        """Return the same call with other task options."""
        return replace(self, task=self.task.using(**options))

    def enqueue(self) -> TaskResult:
        """Enqueue the call."""
        return self.task.enqueue(*self.args, **self.kwargs)

    async def aenqueue(self) -> TaskResult:
        """Enqueue the call."""
        return await self.task.aenqueue(*self.args, **self.kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOptions(DjangoTask):
    """Django's Task with the options that every task may have.

    `declared` holds the others, by name: those that only the middlewares of its stack know.
    """

    tenant: str | None = None
    max_tries: int | None = None
    backoff: BackoffRule | None = field(default=None, hash=False)
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    timeout: float | timedelta | None = None
    max_age: float | timedelta | None = None
    max_rate: str | None = None
    max_running: int | None = None
    middleware: Sequence[Any] | None = field(default=None, hash=False)
    declared: Mapping[str, Any] = field(default_factory=dict, hash=False)

    task_id: str | None = None
    on_duplicate: str | None = None

    depends_on: Sequence[str | TaskResult] | None = field(default=None, hash=False)
    trigger_rule: str | None = None
    push_key: str | None = None
    pull_keys: Mapping[str, str] | None = field(default=None, hash=False)
    pull_defaults: Mapping[str, Any] | None = field(default=None, hash=False)
    auto_xcom: bool | None = None
    xcom_ttl: float | timedelta | None = None
    xcom_namespace: str | None = None


class Task(Operators, KnownOptions):
    """Django's Task with our options; None leaves an option to the backend's default.

    Options that a middleware declares are given and read like all others.
    """

    # Not a dataclass of its own: the one that it inherits from makes instances equal, hashable
    # and replaceable, and this __init__ has `replace`, and Django's decorator, pass it options
    # that are no fields.
    __slots__ = ()

    def __init__(self, **options: Any) -> None:
        declared = dict(options.pop("declared", ()))
        for name in options.keys() - FIELDS:
            value = options.pop(name)
            if value is not None:
                declared[name] = value
        super().__init__(declared=declared, **options)

    def __getattr__(self, name: str) -> Any:
        """Return the value of an option that a middleware declares, None where none is given."""
        # Comes here only for what is no field; what an instance without its fields is asked for,
        # as `copy` does, must not look for them here.
        if not name.startswith("_") and name not in FIELDS:
            value = self.declared.get(name)
            if value is not None or self._is_declared(name):
                return value
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}.")

    def _is_declared(self, name: str) -> bool:
        try:
            has_option = getattr(self.get_backend(), "has_option", None)
            return has_option is not None and has_option(self, name)
        except ImproperlyConfigured:
            return False

    def using(
        self,
        *,
        run_after: datetime | timedelta | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> "Task":
        """Return a copy with other options; None leaves one as it is.

        `run_after` is an aware datetime or a timedelta from now; `metadata` is merged into the
        task's own. Raise InvalidTaskOption for an option that the task cannot have.
        """
        if "middleware" in options:
            raise InvalidTaskOption(
                "middleware: expected it in @task alone, got it in using(). A job carries no "
                "middlewares, so that what is stored never decides what is imported."
            )
        fixed = FIXED & options.keys()
        if fixed:
            raise InvalidTaskOption(f"using() cannot change {', '.join(sorted(fixed))}.")
        changes = {name: value for name, value in options.items() if value is not None}
        if run_after is not None:
            if isinstance(run_after, timedelta):
                run_after = _from_now(run_after)
            if not isinstance(run_after, datetime):
                raise InvalidTaskOption(
                    f"run_after: expected an aware datetime or a timedelta, got {run_after!r}."
                )
            changes["run_after"] = run_after
        if metadata is not None:
            if not isinstance(metadata, Mapping):
                raise InvalidTaskOption(f"metadata: expected a dict, got {metadata!r}.")
            changes["metadata"] = {**(self.metadata or {}), **metadata}
        return replace(self, **changes)

    def s(self, *args: Any, **kwargs: Any) -> Signature:
        """Return a call of this task that is not made yet."""
        return Signature(task=self, args=args, kwargs=kwargs)

    def enqueue_many(
        self, calls: Iterable[tuple[Iterable[Any], Mapping[str, Any]] | Signature]
    ) -> list[TaskResult]:
        """Enqueue many calls in one round trip, all or none; return a result for each.

        A call is `(args, kwargs)` or a Signature of any task on the same backend.
        """
        backend: Any = self.get_backend()
        if not hasattr(backend, "enqueue_many"):
            raise InvalidTaskBackend(
                f"The backend {self.backend!r} is not one of django_taskq and cannot enqueue "
                "many at once."
            )
        results: list[TaskResult] = backend.enqueue_many([self._call_of(call) for call in calls])
        return results

    async def aenqueue_many(
        self, calls: Iterable[tuple[Iterable[Any], Mapping[str, Any]] | Signature]
    ) -> list[TaskResult]:
        """Enqueue many calls as `enqueue_many` does."""
        return await sync_to_async(self.enqueue_many)(calls)

    def _call_of(
        self, call: tuple[Iterable[Any], Mapping[str, Any]] | Signature
    ) -> tuple[DjangoTask, Iterable[Any], Mapping[str, Any]]:
        if not isinstance(call, Signature):
            match call:
                case list() | tuple() as args, Mapping() as kwargs:
                    return self, args, kwargs
                case args, Mapping() as kwargs if _are_arguments(args):
                    return self, tuple(args), kwargs
            raise TypeError(f"Expected a call to be (args, kwargs) or a Signature, got {call!r}.")
        if call.task.backend != self.backend:
            raise InvalidTask(
                f"Expected calls for the backend {self.backend!r} alone, got one of "
                f"{call.task.module_path!r} for {call.task.backend!r}. Give it "
                f".using(backend={self.backend!r}), or enqueue it by itself."
            )
        return call.task, call.args, call.kwargs


def _are_arguments(value: Any) -> bool:
    """Tell whether values are those of a call: one text, or a dict, is a call written wrong."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _from_now(delay: timedelta) -> datetime:
    try:
        return timezone.now() + delay
    except OverflowError:
        raise InvalidTaskOption(
            f"run_after: expected a timedelta that ends before the year 10000, got {delay!r}."
        ) from None


FIELDS = frozenset(Task.__dataclass_fields__)
# What makes a task the one that it is; the rest is options.
FIXED = frozenset({"func", "takes_context", "declared"})
# Fields that belong to middlewares all the same: these are built in.
OWNED = frozenset({"max_tries", "backoff", "max_age", "max_rate"})
# The options that are known without a look at any middleware.
KNOWN = FIELDS - FIXED


@overload
def task[**P, R](function: Callable[P, R], /) -> Task: ...
@overload
def task(
    *,
    priority: int = ...,
    queue_name: str = ...,
    backend: str = ...,
    takes_context: bool = ...,
    tenant: str | None = ...,
    max_tries: int | None = ...,
    backoff: BackoffRule | None = ...,
    metadata: Mapping[str, Any] | None = ...,
    timeout: float | timedelta | None = ...,
    max_age: float | timedelta | None = ...,
    max_rate: str | None = ...,
    max_running: int | None = ...,
    middleware: Sequence[Any] | None = ...,
    task_id: str | None = ...,
    on_duplicate: str | None = ...,
    push_key: str | None = ...,
    pull_keys: Mapping[str, str] | None = ...,
    pull_defaults: Mapping[str, Any] | None = ...,
    auto_xcom: bool | None = ...,
    xcom_ttl: float | timedelta | None = ...,
    xcom_namespace: str | None = ...,
    depends_on: Sequence[str | TaskResult] | None = ...,
    trigger_rule: str | None = ...,
    **options: Any,
) -> Callable[[Callable[..., Any]], Task]: ...
def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    priority: int = DEFAULT_TASK_PRIORITY,
    queue_name: str = DEFAULT_TASK_QUEUE_NAME,
    backend: str = DEFAULT_TASK_BACKEND_ALIAS,
    takes_context: bool = False,
    **options: Any,
) -> Task | Callable[[Callable[..., Any]], Task]:
    """Make a function a task. The options are those of `Task`.

    The same decorator as `django.tasks.task`, with our options on Django 6.0 too.
    Raise InvalidTaskOption for an option that the task cannot have.
    """
    if "run_after" in options:
        raise InvalidTaskOption(
            "run_after cannot be fixed in the decorator. Use .using(run_after=...) instead."
        )

    def wrap(func: Callable[..., Any]) -> Task:
        wanted: Any = task_backends[backend].task_class
        made: Task = (wanted if issubclass(wanted, Task) else Task)(
            func=func,
            priority=priority,
            queue_name=queue_name,
            backend=backend,
            run_after=None,
            takes_context=takes_context,
            **options,
        )
        return made

    return wrap if function is None else wrap(function)


def xcom_task(key: str, **options: Any) -> Callable[[Callable[..., Any]], Task]:
    """Make a function a task whose return value is pushed under a key, for other jobs to pull.

    The same as `task(push_key=key, ...)`. Raise InvalidTaskOption.
    """
    if callable(key):
        raise InvalidTaskOption('xcom_task: expected a key, as in @xcom_task("key"), got none.')
    made: Callable[[Callable[..., Any]], Task] = task(push_key=key, **options)
    return made
