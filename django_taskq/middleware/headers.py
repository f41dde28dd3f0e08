"""What middlewares send along with a job, from where it is enqueued to each of its attempts."""

import logging
from time import monotonic

from django.tasks.base import Task as DjangoTask

from django_taskq.jobs import payload
from django_taskq.jobs.spec import JobSpec
from django_taskq.middleware.registry import stacks_of
from django_taskq.middleware.stack import Layers

logger = logging.getLogger("django_taskq.middleware")

# Of all headers of a job, as JSON.
MOST_BYTES = 8192
COMPLAIN_EVERY = 60.0
# When something of an alias was last complained of, in whichever thread.
_complained_at: dict[tuple[str, str], float] = {}


def senders_of(alias: str, task: DjangoTask) -> Layers | None:
    """Return the middlewares that send headers along with the jobs of a task, outermost first.

    None where something keeps them from being made, which may have passed the next time.
    """
    try:
        return stacks_of(alias).senders_of(task)
    except Exception as error:
        _complain(alias, "its middlewares", f"{type(error).__name__}: {error}")
        return None


def gather_headers(alias: str, senders: Layers, spec: JobSpec, task: DjangoTask) -> str | None:
    """Return what middlewares send along with a job as JSON, None where that is nothing.

    Of two that send the same name the inner one's counts. What is wrong with one costs its own
    headers and goes to the log, once in a minute at the most: it is so at every enqueue.
    """
    gathered: dict[str, str] = {}
    text = None
    for each in senders:
        name = type(each).__qualname__
        try:
            merged = gathered | _checked(each.headers(spec, task))
            written = payload.encode(merged, "the headers")
        except Exception as error:
            _complain(alias, name, f"they could not be made: {type(error).__name__}: {error}")
            continue
        if len(written) > MOST_BYTES:
            told = f"with them there would be {len(written)} bytes, of {MOST_BYTES} allowed."
            _complain(alias, name, told)
            continue
        gathered, text = merged, written
    return text if gathered else None


def _complain(alias: str, name: str, problem: str) -> None:
    now, last = monotonic(), _complained_at.get((alias, name))
    if last is None or now - last >= COMPLAIN_EVERY:
        _complained_at[alias, name] = now
        logger.warning("A job of %r goes without the headers of %s: %s", alias, name, problem)


def _checked(headers: object) -> dict[str, str]:
    if not isinstance(headers, dict) or not all(
        isinstance(each, str) for pair in headers.items() for each in pair
    ):
        raise TypeError(f"expected a dict of text to text, got {headers!r:.200}.")
    return headers
