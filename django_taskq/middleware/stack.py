"""The middlewares around the attempts of a task, in their order, and running in them."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from functools import partial
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync, sync_to_async
from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.middleware.base import Middleware, Rule, Scope
from django_taskq.middleware.entries import Entry, sends_headers
from django_taskq.middleware.max_tries import MaxTries

type Layers = tuple[Middleware, ...]


class Stack(NamedTuple):
    """The middlewares of one task, outermost first, without those that have nothing to do for it.

    `rated` is for jobs that were handed out under a rate, `plain` for all others. `tries` is
    asked whether a job that failed runs again. A broken stack fails each attempt, and may be
    sound when it is built the next time.
    """

    plain: Layers
    rated: Layers
    tries: MaxTries | None = None
    is_broken: bool = False


class Broken(Middleware):
    """Stands for a stack that could not be built: each attempt raises why."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, job: JobContext, task: DjangoTask) -> Scope:
        """Raise the error."""
        raise self.error


def broken_stack(error: BaseException) -> Stack:
    """Return a stack in which each attempt is a failed try, of as many as the job has."""
    layers = (Broken(error),)
    return Stack(layers, layers, MaxTries(), is_broken=True)


class Stacks:
    """Builds the stacks of one backend's tasks, all from the same middlewares.

    `shared` are the entries of all tasks, outermost first; those that a task has of its own
    stand inside of them. Safe from any thread.
    """

    def __init__(self, shared: Sequence[Entry]) -> None:
        self.shared = tuple(shared)
        self._own: dict[Any, Entry] = {}

    def build(self, task: DjangoTask) -> Stack:
        """Return the stack of a task, a broken one where something keeps it from being built."""
        try:
            all_of_it = [entry.middleware for entry in self.entries_of(task)]
            rated = tuple([each for each in all_of_it if each.concerns(task)])
            plain = tuple([each for each in rated if not each.only_rated])
        except BaseException as error:  # whatever a middleware raises, it ends attempts alone
            return broken_stack(error)
        tries = [each for each in all_of_it if isinstance(each, MaxTries)]
        return Stack(plain, rated, tries[-1] if tries else None)

    def senders_of(self, task: DjangoTask) -> Layers:
        """Return the middlewares of a task that send headers along, outermost first.

        The others are not made for that: who enqueues needs them not. Raise InvalidOptions.
        """
        made = [entry.middleware for entry in self.entries_of(task) if entry.may_send]
        return tuple([each for each in made if sends_headers(type(each)) and each.concerns(task)])

    def flush(self, seconds: float) -> None:
        """Have each middleware send off what still waits in this process, within some seconds."""
        for entry in [*self.shared, *self._own.values()]:
            if entry.made is not None:
                with suppress(Exception):
                    entry.made.flush(seconds)

    def rules_of(self, option: str, task: DjangoTask) -> list[Rule]:
        """Return what the option of a task must be, nothing where no middleware has it.

        The project's code is imported only for an option that none of those at hand has: a
        module of tasks that needs no middleware may be what the middlewares import.
        """
        entries = self.entries_of(task)
        for is_at_hand in (True, False):
            asked = [entry.options for entry in entries if entry.is_at_hand is is_at_hand]
            rules = [options[option] for options in asked if option in options]
            if rules:
                return rules
        return []

    def options_of(self, task: DjangoTask) -> set[str]:
        """Return the names of all options that the middlewares of a task have."""
        return {name for entry in self.entries_of(task) for name in entry.options}

    def entries_of(self, task: DjangoTask) -> Sequence[Entry]:
        """Return all entries of a task's stack, outermost first."""
        own = getattr(task, "middleware", None)
        return [*self.shared, *map(self._entry_of, own)] if own else self.shared

    def _entry_of(self, given: Any) -> Entry:
        # By identity where it is an instance: two that are equal are still two.
        key = given if isinstance(given, str | type) else id(given)
        known = self._own.get(key)
        if known is None:
            # Of two threads at once the first one's stays.
            known = self._own.setdefault(key, Entry(given, "each middleware of @task"))
        return known


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
