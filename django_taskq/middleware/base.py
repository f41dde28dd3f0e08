"""What a middleware is: a context manager around each attempt of a job."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any, ClassVar

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.jobs.spec import JobSpec
from django_taskq.tasks import OWNED, Task

type Scope = AbstractContextManager[Any] | AbstractAsyncContextManager[Any]
# What a task option must be: an instance of a type, or what a function finds nothing wrong with.
type Rule = type | Callable[[Any], str | None]


class Middleware(ABC):
    """Wraps attempts. One instance serves all tasks of a backend, in any number of threads.

    The way of an attempt, from the outside in: each middleware of the stack up to its `yield`,
    `task_started`, the function, and back. What the function raises comes out of the `yield`
    and should go on. What a middleware raises, before or after it, is a failed try like any
    other; RetryError, RejectError and ReleaseError mean what they say. One that swallows an
    exception makes the job a success that returned None.

    A `contextmanager` wraps async tasks too: it runs on the event loop and must not wait there.
    An `asynccontextmanager` wraps sync tasks too, at the price of an event loop for each attempt,
    half a millisecond.
    """

    # The task options that belong to it, with what each must be.
    options: ClassVar[Mapping[str, Rule]] = {}
    # Whether it acts only on jobs that were handed out under a rate, of their task or tenant.
    only_rated: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if isgeneratorfunction(cls.__call__) or isasyncgenfunction(cls.__call__):
            raise TypeError(
                f"Expected {cls.__name__}.__call__ to return a context manager, got a generator. "
                "Decorate it with contextlib.contextmanager or contextlib.asynccontextmanager."
            )
        for name, rule in cls.options.items():
            if not callable(rule):
                raise TypeError(
                    f"Expected {cls.__name__}.options[{name!r}] to be a type, or a function that "
                    f"returns what is wrong with a value or None, got {rule!r}."
                )
            if not name.isidentifier() or (name not in OWNED and hasattr(Task, name)):
                raise TypeError(
                    f"Expected {cls.__name__}.options to name options of its own, got {name!r}, "
                    "which is a name of every task, or none at all. Choose another one."
                )

    def concerns(self, task: DjangoTask) -> bool:
        """Tell whether it has anything to do around a task; asked once for each task.

        The attempts of other tasks pay nothing for it.
        """
        return True

    def headers(self, spec: JobSpec, task: DjangoTask) -> dict[str, str]:
        """Return what is to travel with a job to each of its attempts: text, under names of text.

        Asked where the job is enqueued, in the context of whoever does that; an attempt finds it
        in `job.headers`. Headers are few and small: all of a job's take 8 KB at the most. What
        this raises is logged and keeps no job from being enqueued.
        """
        return {}

    def flush(self, seconds: float) -> None:  # noqa: B027
        """Send off what still waits in this process, within some seconds.

        Called when a worker stops, and before a child of a process pool ends. Nothing that this
        raises is heard.
        """

    @abstractmethod
    def __call__(self, job: JobContext, task: DjangoTask) -> Scope:
        """Return a context manager to run one attempt in."""


def find_wrong(rule: Rule, value: object) -> str | None:
    """Return what is wrong with the value of an option, or None where it can be used."""
    if not isinstance(rule, type):
        return rule(value)
    wanted = (int, float) if rule is float else rule
    # True is an int to Python, and to nobody else.
    is_wanted = isinstance(value, wanted) and (rule is bool or not isinstance(value, bool))
    return None if is_wanted else f"expected {rule.__name__}, got {value!r}"
