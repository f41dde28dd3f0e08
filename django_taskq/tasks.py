"""Tasks: decorated functions with the options that their jobs carry."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, overload

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


class Priority(IntEnum):
    """Names for six levels; CRITICAL is a band of its own, served before all other work."""

    VERY_LOW = -80
    LOW = -40
    NORMAL = 0
    HIGH = 40
    VERY_HIGH = 80
    CRITICAL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
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


# Options that a later release acts on: given a value, a task is refused.
LATER = (
    "task_id",
    "on_duplicate",
    "depends_on",
    "trigger_rule",
    "middleware",
    "push_key",
    "pull_keys",
    "pull_defaults",
    "auto_xcom",
    "xcom_ttl",
    "xcom_namespace",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(DjangoTask):
    """Django's Task with our options; None leaves an option to the backend's default."""

    tenant: str | None = None
    max_tries: int | None = None
    backoff: BackoffRule | None = field(default=None, hash=False)
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    timeout: float | timedelta | None = None
    max_age: float | timedelta | None = None
    max_rate: str | None = None
    max_running: int | None = None

    task_id: str | None = None
    on_duplicate: str | None = None
    depends_on: Iterable[Any] | None = field(default=None, hash=False)
    trigger_rule: str | None = None
    middleware: Iterable[Any] | None = field(default=None, hash=False)
    push_key: str | None = None
    pull_keys: Mapping[str, str] | None = field(default=None, hash=False)
    pull_defaults: Mapping[str, Any] | None = field(default=None, hash=False)
    auto_xcom: bool | None = None
    xcom_ttl: float | timedelta | None = None
    xcom_namespace: str | None = None

    def using(
        self,
        *,
        run_after: datetime | timedelta | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> "Task":
        """Return a copy with other options; None leaves one as it is.

        `run_after` is an aware datetime or a timedelta from now; `metadata` is merged into the
        task's own. Raise InvalidTaskOption for an unknown option.
        """
        unknown = options.keys() - CHANGEABLE
        if unknown:
            raise InvalidTaskOption(
                f"using() got unknown options: {', '.join(sorted(unknown))}. "
                f"Known ones: {', '.join(sorted(CHANGEABLE.difference(LATER)))}."
            )
        changes = {name: value for name, value in options.items() if value is not None}
        if run_after is not None:
            if isinstance(run_after, timedelta):
                run_after = timezone.now() + run_after
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

    def _call_of(
        self, call: tuple[Iterable[Any], Mapping[str, Any]] | Signature
    ) -> tuple[DjangoTask, Iterable[Any], Mapping[str, Any]]:
        if not isinstance(call, Signature):
            match call:
                case args, Mapping() as kwargs:
                    return self, args, kwargs
            raise TypeError(f"Expected a call to be (args, kwargs) or a Signature, got {call!r}.")
        if call.task.backend != self.backend:
            raise InvalidTask(
                f"Expected calls for the backend {self.backend!r} alone, got one of "
                f"{call.task.module_path!r} for {call.task.backend!r}. Give it "
                f".using(backend={self.backend!r}), or enqueue it by itself."
            )
        return call.task, call.args, call.kwargs


_OURS = frozenset(Task.__dataclass_fields__) - frozenset(DjangoTask.__dataclass_fields__)
CHANGEABLE = _OURS | {"priority", "queue_name", "backend", "run_after"}


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
    Raise InvalidTaskOption for an option that is unknown.
    """
    unknown = options.keys() - _OURS
    if unknown:
        raise InvalidTaskOption(_refusal(unknown))

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


def _refusal(unknown: Iterable[str]) -> str:
    if "run_after" in unknown:
        return "run_after cannot be fixed in the decorator. Use .using(run_after=...) instead."
    return (
        f"@task got unknown options: {', '.join(sorted(unknown))}. "
        f"Known ones: {', '.join(sorted(_OURS.difference(LATER)))}."
    )
