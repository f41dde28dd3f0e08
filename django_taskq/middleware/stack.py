"""The middlewares around the attempts of a task, in their order, and running in them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync, sync_to_async
from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.middleware.base import Middleware, Rule, Scope
from django_taskq.middleware.max_age import MaxAge
from django_taskq.middleware.max_rate import MaxRate

# Outermost first. MaxRate is the last: nothing may delay a start that it has let through.
DEFAULT: tuple[type[Middleware], ...] = (MaxAge, MaxRate)

type Layers = tuple[Middleware, ...]


class Stack(NamedTuple):
    """The middlewares of one task, outermost first, without those that have nothing to do for it.

    `rated` is for jobs that were handed out under a rate, `plain` for all others.
    """

    plain: Layers
    rated: Layers


class Stacks:
    """Builds the stacks of one backend's tasks, all from the same middlewares."""

    def __init__(self, middlewares: Sequence[Middleware] | None = None) -> None:
        if middlewares is None:
            middlewares = [kind() for kind in DEFAULT]
        self._middlewares = tuple(middlewares)

    def build(self, task: DjangoTask) -> Stack:
        """Return the stack of a task."""
        rated = tuple([each for each in self._middlewares if each.concerns(task)])
        return Stack(tuple([each for each in rated if not each.only_rated]), rated)


def option_rules() -> Mapping[str, Rule]:
    """Return the task options of all middlewares, with what each must be."""
    return {name: rule for kind in DEFAULT for name, rule in kind.options.items()}


def call_within(layers: Layers, job: JobContext, task: DjangoTask, body: Callable[[], Any]) -> Any:
    """Call a function inside of middlewares; return what it does, None where one swallows."""
    if not layers:
        return body()
    inner = partial(call_within, layers[1:], job, task, body)
    scope = layers[0](job, task)
    value = None
    if isinstance(scope, AbstractContextManager):
        with scope:
            value = inner()
    elif isinstance(scope, AbstractAsyncContextManager):
        value = _call_in_loop(scope, inner)
    else:
        raise _no_scope(layers[0], scope)
    return value


async def acall_within(
    layers: Layers, job: JobContext, task: DjangoTask, body: Callable[[], Awaitable[Any]]
) -> Any:
    """Await a function inside of middlewares; return what it does, None where one swallows."""
    if not layers:
        return await body()
    scope = layers[0](job, task)
    value = None
    if isinstance(scope, AbstractAsyncContextManager):
        async with scope:
            value = await acall_within(layers[1:], job, task, body)
    elif isinstance(scope, AbstractContextManager):
        with scope:
            value = await acall_within(layers[1:], job, task, body)
    else:
        raise _no_scope(layers[0], scope)
    return value


def _call_in_loop(scope: AbstractAsyncContextManager[Any], body: Callable[[], Any]) -> Any:
    """Call a function inside of an async context manager, on an event loop made for it.

    The function runs in this thread, with its connections. Exceptions go round the futures
    between the two: these take not every kind, and would keep one, with all that its frames
    hold, until the garbage collector comes by.
    """
    raised: list[BaseException] = []

    def attempt() -> Any:
        try:
            return body()
        except BaseException as error:
            raised.append(error)

    async def within() -> Any:
        value = None
        try:
            async with scope:
                value = await sync_to_async(attempt)()
                if raised:
                    raise raised.pop()
        except BaseException as error:
            raised.append(error)
        return value

    value = async_to_sync(within)()
    if raised:
        raise raised.pop()
    return value


def _no_scope(middleware: Middleware, scope: Scope) -> TypeError:
    return TypeError(
        f"Expected {type(middleware).__name__} to return a context manager, got {scope!r}. "
        "Decorate its __call__ with contextlib.contextmanager or asynccontextmanager."
    )
