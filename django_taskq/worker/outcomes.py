"""From what a function returned or raised to an outcome: the one place that decides."""

import sys
from asyncio import CancelledError
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from threading import get_ident
from traceback import format_exception, format_stack
from typing import Any

from django.tasks.base import TaskResult

from django_taskq.context import Notepad
from django_taskq.exceptions import (
    JobExpired,
    JobUnloadable,
    RejectError,
    ReleaseError,
    TaskTimeout,
)
from django_taskq.jobs import payload, sighting
from django_taskq.jobs.backoff import FURTHEST
from django_taskq.jobs.claim import Claim, TryError
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import Failure
from django_taskq.results import readable
from django_taskq.worker.run import Call

LONGEST_TRACEBACK = 32_000
LONGEST_REASON = 500

# Returns the seconds before the next try, None where there is none.
type AskDelay = Callable[[BaseException], float | None]


def success(
    claim: Claim, notepad: Notepad, result: TaskResult, value: Any, ended: float
) -> Outcome:
    """Return the outcome of a function that returned.

    Raise TypeError or ValueError where the value, or the metadata, is no JSON.
    """
    return Outcome(
        claim.seq,
        claim.attempt,
        Verdict.SUCCEEDED,
        result.last_attempted_at,
        claim.store_time(ended),
        _worker_ids(result),
        "null" if value is None else payload.encode(value, "the return value"),
        metadata=notepad.changed_metadata(),
        progress=notepad.progress,
        is_first_attempt=claim.attempt == 1,
        log=notepad.logged(),
    )


def failure(
    claim: Claim,
    notepad: Notepad,
    result: TaskResult,
    exception: BaseException,
    ask_delay: AskDelay,
    ended: float,
) -> Outcome:
    """Return the outcome of a function, or a middleware, that raised.

    Run again later, or the end; or given back where a middleware asked for that in time.
    """
    if isinstance(exception, ReleaseError) and not notepad.has_begun:
        return _release(claim, notepad, exception, ended)
    delay = _delay(exception, ask_delay)
    ctx = _stored_ctx(notepad, exception)
    error = describe(exception)
    verdict = Verdict.FAILED if delay is None else Verdict.RETRY
    is_expired = isinstance(exception, JobExpired)
    return Outcome(
        claim.seq,
        claim.attempt,
        verdict,
        result.last_attempted_at if notepad.has_begun or not is_expired else None,
        claim.store_time(ended),
        _worker_ids(result),
        failure=_failure_of(exception) if verdict is Verdict.FAILED else None,
        reason=payload.printable(_sentence(exception), LONGEST_REASON),
        error=error,
        delay=delay or 0.0,
        metadata=_stored_metadata(notepad),
        progress=notepad.progress,
        ctx=ctx,
        is_first_attempt=claim.attempt == 1,
        log=notepad.logged(),
    )


def _release(claim: Claim, notepad: Notepad, asked: ReleaseError, ended: float) -> Outcome:
    return Outcome(
        claim.seq,
        claim.attempt,
        Verdict.RELEASED,
        None,
        claim.store_time(ended),
        claim.worker_ids or "[]",
        reason=payload.printable(str(asked), LONGEST_REASON),
        delay=min(FURTHEST, max(0.0, asked.delay)),
        ctx=_stored_ctx(notepad, asked),
        is_first_attempt=claim.attempt == 1,
    )


def missing(
    claim: Claim, at: datetime, error: JobUnloadable, grace: float, crowd: float = 0.0
) -> Outcome:
    """Return the outcome of a claim whose task cannot be imported by this worker.

    Given back for `grace` seconds from when that was first seen on, then the end. `crowd` is how
    long it takes the worker to look at the others like it.
    """
    seen = sighting.sight(
        claim.ctx,
        now=at,
        grace=grace,
        starts=_starts(claim),
        worker_id=claim.worker_id,
        error=payload.printable(str(error), LONGEST_REASON),
    )
    pause = seen.pause(at, crowd)
    if pause is None:
        if grace:
            error.add_note(
                f"No worker could since {sighting.written(seen.since)}, for longer than the "
                f"{grace:g} s of UNLOADABLE_GRACE."
            )
        return unloadable(claim, at, error)
    return Outcome(
        claim.seq,
        claim.attempt,
        Verdict.RELEASED,
        None,
        at,
        claim.worker_ids or "[]",
        reason=seen.sentence,
        delay=pause,
        ctx=sighting.keep(claim.ctx, seen),
        is_first_attempt=claim.attempt == 1,
    )


def unloadable(claim: Claim, at: datetime, error: BaseException) -> Outcome:
    """Return the outcome of a claim whose task or arguments cannot be read: it never started."""
    told = " ".join([str(error), *getattr(error, "__notes__", ())])
    ctx = sighting.forget(claim.ctx)
    return Outcome(
        claim.seq,
        claim.attempt,
        Verdict.FAILED,
        None,
        at,
        claim.worker_ids or "[]",
        failure=Failure.UNLOADABLE,
        reason=payload.printable(told, LONGEST_REASON),
        error=describe(error),
        ctx=None if ctx == claim.ctx else ctx,
        is_first_attempt=claim.attempt == 1,
    )


def describe(exception: BaseException) -> TryError:
    """Return an exception as it is stored; a traceback of any size is cut in the middle."""
    kind = type(exception)
    try:
        text = "".join(format_exception(exception))
    except BaseException as error:
        text = f"The traceback of {kind.__name__} could not be written: {type(error).__name__}\n"
    path = f"{kind.__module__}.{kind.__qualname__}"
    return TryError(payload.printable(path, 250), payload.printable(text, LONGEST_TRACEBACK))


def overrun(call: Call) -> TaskTimeout:
    """Return the exception of a call whose time is over, with a note of where its thread is."""
    limit = call.limit
    seconds, thread = (limit.seconds, limit.thread) if limit is not None else (0.0, 0)
    error = TaskTimeout(f"The attempt took longer than its timeout of {seconds:g} s.")
    if thread != get_ident() and (frame := sys._current_frames().get(thread)) is not None:
        error.add_note("It was here:\n" + "".join(format_stack(frame)))
    return error


def _delay(exception: BaseException, ask_delay: AskDelay) -> float | None:
    if isinstance(exception, RejectError | CancelledError | JobUnloadable):
        return None
    try:
        delay = ask_delay(exception)
        return None if delay is None else min(FURTHEST, max(0.0, float(delay)))
    except BaseException as error:  # a project's own code may be what is asked
        told = f"{type(error).__name__}: {error}"
        exception.add_note(f"There is no next try, since asking for its delay failed: {told}")
        return None


def _starts(claim: Claim) -> int:
    """Return how often the job's function has started."""
    return len(readable(claim.worker_ids, [])) if claim.worker_ids else 0


def _worker_ids(result: TaskResult) -> str:
    return _encode_ids(tuple(result.worker_ids))


@lru_cache(maxsize=256)
def _encode_ids(worker_ids: tuple[str, ...]) -> str:
    return payload.encode(worker_ids, "the worker ids")


def _failure_of(exception: BaseException) -> Failure:
    if isinstance(exception, TaskTimeout):
        return Failure.TIMEOUT
    if isinstance(exception, JobExpired):
        return Failure.EXPIRED
    return Failure.REJECTED if isinstance(exception, RejectError) else Failure.ERROR


def _sentence(exception: BaseException) -> str:
    try:
        if isinstance(exception, JobExpired):
            return str(exception)
        return f"{type(exception).__name__}: {exception}"
    except BaseException:
        return type(exception).__name__


def _stored_metadata(notepad: Notepad) -> str | None:
    try:
        return notepad.changed_metadata()
    except (TypeError, ValueError):
        return None


def _stored_ctx(notepad: Notepad, exception: BaseException) -> str | None:
    try:
        return notepad.changed_ctx()
    except Exception as error:
        exception.add_note(f"What stood in job.ctx is lost: {error}")
        return None
