"""Tasks for the tests; each takes the wanted behaviour as an argument."""

import asyncio
import builtins
import logging
import sys
import threading
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.tasks import task as django_task
from django.tasks.base import Task as DjangoTask

import django_taskq
from django_taskq import JobContext, RejectError, RetryError, task
from tests.app import gates, journal

chat_logger = logging.getLogger("tests.app.chat")


def exception_of(kind: str, *args: Any) -> BaseException:
    """Return a built-in exception, or one of django_taskq, by its name."""
    found = getattr(builtins, kind, None) or getattr(django_taskq, kind)
    exception: BaseException = found(*args)
    return exception


def is_in_event_loop() -> bool:
    """Tell whether this code runs on an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


# What a task returns.


@task
def nothing() -> None:
    """Do nothing."""


@task
def echo(value: Any = None, **more: Any) -> Any:
    """Return the value, or all keyword arguments where there are any."""
    return {"value": value, **more} if more else value


@task
async def aecho(value: Any = None, **more: Any) -> Any:
    """Return the value, or all keyword arguments where there are any."""
    return {"value": value, **more} if more else value


@task
def unwritable(kind: str) -> Any:
    """Return what JSON has no form for."""
    return {"function": lambda: kind, "set": {kind}, "nan": float("nan"), "key": {1: kind}}[kind]


@task
async def aunwritable(kind: str) -> Any:
    """Return what JSON has no form for."""
    return {"function": lambda: kind, "set": {kind}, "nan": float("nan"), "key": {1: kind}}[kind]


@django_task
def plainly_decorated(value: Any) -> Any:
    """Return the value; decorated with Django's own decorator."""
    return value


def foreign(value: Any) -> Any:
    """Return the value; made a task of Django's own class."""
    return value


# As a task looks that was decorated for a backend of somebody else.
foreign = DjangoTask(
    func=foreign,
    priority=0,
    backend="default",
    queue_name="default",
    run_after=None,
    takes_context=False,
)


# How a task fails.


@task
def fail(kind: str = "ValueError", *args: Any) -> None:
    """Raise a built-in exception, or one of django_taskq, by its name."""
    raise exception_of(kind, *args)


@task
async def afail(kind: str = "ValueError", *args: Any) -> None:
    """Raise a built-in exception, or one of django_taskq, by its name."""
    raise exception_of(kind, *args)


@task
def fail_with_exception_inside(kind: str, message: str) -> None:
    """Raise an exception whose only argument is another exception."""
    raise exception_of(kind, exception_of(kind, message))


@task(takes_context=True)
def succeed_on(context: JobContext, attempt: int, kind: str = "ValueError") -> int:
    """Raise until this attempt, then return its number."""
    if context.attempt < attempt:
        raise exception_of(kind, f"attempt {context.attempt}")
    return context.attempt


@task(takes_context=True)
async def asucceed_on(context: JobContext, attempt: int, kind: str = "ValueError") -> int:
    """Raise until this attempt, then return its number."""
    if context.attempt < attempt:
        raise exception_of(kind, f"attempt {context.attempt}")
    return context.attempt


@task(takes_context=True)
def ask_again(context: JobContext, times: int, delay: float | None = 0, reason: str = "") -> int:
    """Ask to run again so many times, then return the number of the attempt."""
    if context.attempt <= times:
        raise RetryError(delay=delay, reason=reason)
    return context.attempt


@task
def reject(reason: str) -> None:
    """Reject the job."""
    raise RejectError(reason)


@task
def leave(code: Any = None) -> None:
    """Raise SystemExit."""
    sys.exit(code)


# What a task knows of itself.


@task(takes_context=True)
def describe(context: JobContext, **more: Any) -> dict[str, Any]:
    """Return what the context and the current job say."""
    return _description(context, **more)


@task(takes_context=True)
async def adescribe(context: JobContext, **more: Any) -> dict[str, Any]:
    """Return what the context and the current job say."""
    return _description(context, **more)


@task
def describe_current() -> dict[str, Any]:
    """Return what a helper finds out that was handed nothing."""
    return _current()


@task
async def adescribe_current(meet: str = "", parties: int = 0) -> dict[str, Any]:
    """Return what a helper finds out, after `parties` such jobs have met."""
    before = _current()
    if meet:
        await _meet(meet, parties)
    after = _current()
    assert before == after, "Another job has changed what this job knows of itself."
    return after


def _description(context: JobContext, **more: Any) -> dict[str, Any]:
    return {
        "type": type(context).__name__,
        "attempt": context.attempt,
        "id": context.task_result.id,
        "status": context.task_result.status,
        "worker_ids": context.task_result.worker_ids,
        "tenant": context.tenant,
        "metadata": context.metadata,
        "current_id": django_taskq.current_result_id.get(),
        "is_current": django_taskq.current_job() is context,
        "should_stop": context.should_stop,
        "thread": threading.current_thread().name,
        "is_in_event_loop": is_in_event_loop(),
        **more,
    }


def _current() -> dict[str, Any]:
    job = django_taskq.current_job()
    return {
        "id": django_taskq.current_result_id.get(),
        "job_id": job and job.task_result.id,
        "tenant": job and job.tenant,
    }


_met: dict[str, int] = {}


async def _meet(name: str, parties: int) -> None:
    _met[name] = _met.get(name, 0) + 1
    if _met[name] == parties:
        gates.open_gate(name)
    await gates.apass_gate(name)


# What a task logs.


@task
def chat(*lines: str, kind: str = "", gate: str = "") -> None:
    """Log lines, wait at the gate, then raise where a kind of exception is named."""
    for line in lines:
        chat_logger.warning(line)
    if gate:
        gates.pass_gate(gate)
    if kind:
        raise exception_of(kind, "after the chat")


@task
async def achat(*lines: str, kind: str = "") -> None:
    """Log lines, the last of them in the thread of sync calls; maybe raise."""
    for line in lines[:-1]:
        chat_logger.warning(line)
    for line in lines[-1:]:
        await sync_to_async(chat_logger.warning)(line)
    if kind:
        raise exception_of(kind, "after the chat")


@task(takes_context=True)
def note_down(context: JobContext, *lines: str) -> None:
    """Log lines by the context."""
    for line in lines:
        context.log(line)


# What a task does before it ends.


@task
def hold(gate: str, value: Any = None) -> Any:
    """Wait until the test opens the gate, then return the value."""
    gates.pass_gate(gate)
    return value


@task
async def ahold(gate: str, value: Any = None) -> Any:
    """Wait until the test opens the gate, then return the value."""
    await gates.apass_gate(gate)
    return value


@task
async def linger() -> None:
    """Wait until it is canceled."""
    await asyncio.Event().wait()


@task
def wait_here(seconds: float) -> None:
    """Wait, deaf to everything."""
    threading.Event().wait(seconds)


@task
def write(page: str, entry: str) -> None:
    """Write an entry into the journal of this process."""
    journal.write(page, entry)


@task
async def awrite(page: str, entry: str) -> None:
    """Write an entry into the journal of this process."""
    journal.write(page, entry)


@task
def mark(text: str, using: str = "default") -> int:
    """Leave a mark in a database; return its key."""
    from tests.app.models import Mark

    return int(Mark.objects.using(using).create(text=text).pk)


@task
def mark_and_fail(text: str, using: str = "default", *, is_atomic: bool = False) -> None:
    """Leave a mark in a database, then raise, maybe out of a transaction."""
    if is_atomic:
        with transaction.atomic(using=using):
            mark.func(text, using)
            raise ValueError(text)
    mark.func(text, using)
    raise ValueError(text)


@task
def enqueue_another(
    value: Any, tenant: str | None = None, queue_name: str | None = None, depth: int = 1
) -> str:
    """Enqueue `describe` on the alias of this job, through `depth` such tasks; return its id."""
    job = django_taskq.current_job()
    assert job is not None
    backend = job.task_result.backend
    if depth > 1:
        inner = enqueue_another.using(backend=backend, tenant=tenant, queue_name=queue_name)
        return str(inner.enqueue(value, depth=depth - 1).id)
    inner = describe.using(backend=backend, tenant=tenant, queue_name=queue_name)
    return str(inner.enqueue(value=value).id)


@task
def enqueue_named(task_id: str, on_duplicate: str | None = None) -> list[Any]:
    """Enqueue under a predictable id, on the alias of this job; tell what came of it."""
    job = django_taskq.current_job()
    assert job is not None
    inner = echo.using(backend=job.task_result.backend, task_id=task_id, on_duplicate=on_duplicate)
    try:
        result = inner.enqueue()
    except django_taskq.DuplicateJob as error:
        return [type(error).__name__, error.job_id, error.task_id]
    return [result.status.name, result.id, result.task.task_id]


@task(task_id="singleton", on_duplicate="return")
def singleton() -> None:
    """Do nothing, one at a time."""


@task
async def aenqueue_another(value: Any) -> str:
    """Enqueue `describe` on the alias of this job; return its id."""
    job = django_taskq.current_job()
    assert job is not None
    result = await describe.using(backend=job.task_result.backend).aenqueue(value=value)
    return str(result.id)


@task(takes_context=True)
def tell_progress(
    context: JobContext, done: float, total: float | None, message: str, gate: str = ""
) -> None:
    """Say how far the job is, then wait at the gate."""
    context.progress(done, total, message)
    if gate:
        gates.pass_gate(gate)


@task(takes_context=True)
def change_metadata(
    context: JobContext, changes: dict[str, Any], fail_on: int = 0, gate: str = ""
) -> int:
    """Change the metadata; fail on one attempt, or wait at the gate, without a save."""
    context.metadata.update(changes)
    if gate:
        gates.pass_gate(gate)
    if context.attempt == fail_on:
        raise ValueError("after the change")
    return context.attempt


@task(takes_context=True)
def save_metadata(
    context: JobContext, changes: dict[str, Any], gate: str, atomic_on: str = ""
) -> None:
    """Save the metadata, in an open transaction where `atomic_on` names a database; then wait."""
    if not atomic_on:
        context.metadata.update(changes)
        context.save_metadata()
        gates.pass_gate(gate)
        return
    with transaction.atomic(using=atomic_on):
        mark.func("in an open transaction", atomic_on)
        save_metadata.func(context, changes, gate)


@task(takes_context=True)
async def asave_metadata(context: JobContext, changes: dict[str, Any], gate: str) -> None:
    """Save the metadata, then wait."""
    context.metadata.update(changes)
    await context.asave_metadata()
    await gates.apass_gate(gate)


@task(takes_context=True)
def break_metadata(context: JobContext) -> str:
    """Save metadata that is no JSON; return the error, and leave it there."""
    context.metadata["when"] = {1, 2}
    try:
        context.save_metadata()
    except TypeError as error:
        return str(error)
    return "no error"


@task(takes_context=True)
def run_until_stopped(context: JobContext, gate: str) -> str:
    """Tell that the gate was reached and work on until the job is asked to stop."""
    gates.reach(gate)
    pause = threading.Event()
    for _ in range(int(gates.LONGEST_WAIT * 100)):
        if context.should_stop:
            return "stopped"
        pause.wait(0.01)
    raise AssertionError("Nobody asked the job to stop.")


@task
def count_together(room: str) -> int:
    """Return how many jobs were in the room at once while this one was in it."""
    with _rooms_lock:
        inside = _rooms[room] = _rooms.get(room, 0) + 1
    threading.Event().wait(0.005)
    with _rooms_lock:
        inside = max(inside, _rooms[room])
        _rooms[room] -= 1
    return inside


_rooms: dict[str, int] = {}
_rooms_lock = threading.Lock()


@task
def spoil(items: list[Any]) -> list[Any]:
    """Change the list that the job was given, and return it."""
    items.append("spoiled")
    return items


# What a task does to the transaction around it.


@task
def mark_twice(using: str) -> None:
    """Leave a mark under a key twice, which the database refuses."""
    from tests.app.models import Mark

    key = mark.func("once", using)
    Mark.objects.using(using).create(pk=key, text="twice")


@task
async def amark_twice(using: str) -> None:
    """Leave a mark under a key twice, which the database refuses."""
    await sync_to_async(mark_twice.func)(using)


@task
def mark_on_commit(text: str, using: str) -> None:
    """Leave a mark when the job's transaction commits."""
    with transaction.atomic(using=using):
        transaction.on_commit(lambda: mark.func(text, using), using=using)


@task
async def amark_on_commit(text: str, using: str) -> None:
    """Leave a mark when the job's transaction commits."""
    await sync_to_async(mark_on_commit.func)(text, using)


@task
def fail_on_commit(using: str) -> None:
    """Raise when the job's transaction commits."""

    def raise_it() -> None:
        raise ValueError("on commit")

    transaction.on_commit(raise_it, using=using)
