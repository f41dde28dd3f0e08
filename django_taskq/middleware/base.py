"""What a middleware is: a context manager around each attempt of a job."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any, ClassVar

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext

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

    def concerns(self, task: DjangoTask) -> bool:
        """Tell whether it has anything to do around a task; asked once for each task.

        The attempts of other tasks pay nothing for it.
        """
        return True

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
