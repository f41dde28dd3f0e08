"""What jobs log, caught where log records are made and kept with the attempt.

Not by a handler: one on the root logger would change what `logging.basicConfig` and Python's
last resort do in a process that serves the web as well.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from traceback import format_exception
from typing import Any

from django_taskq.context import current_notepad
from django_taskq.logbook import line_of

# What these say of a job is not the job's.
OWN = frozenset({"django.tasks", "django_taskq"})
BELOW_OWN = tuple(f"{name}." for name in OWN)

type Factory = Callable[..., logging.LogRecord]


class _Thread(threading.local):
    """Whether this thread writes a line right now: what logs meanwhile would go round for ever."""

    is_writing = False


class _Process:
    """Whether this process catches what jobs log."""

    is_catching = False


_thread = _Thread()
_lock = threading.Lock()


def catch_logs() -> None:
    """Keep what jobs of this process log from now on. Again it changes nothing."""
    with _lock:
        if not _Process.is_catching:
            logging.setLogRecordFactory(catching(logging.getLogRecordFactory()))
            _Process.is_catching = True


def catching(make: Factory) -> Factory:
    """Return a factory of log records that does what `make` does, and keeps those of jobs."""

    def make_and_keep(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        # First what is cheap: Django logs a line for each job.
        if record.name not in OWN and (notepad := current_notepad()) is not None:
            _keep(record, notepad.log)
        return record

    return make_and_keep


def _keep(record: logging.LogRecord, write: Callable[[str], None]) -> None:
    # Without a name it is the blank that logging.makeLogRecord fills in afterwards.
    if _thread.is_writing or not record.name or record.name.startswith(BELOW_OWN):
        return
    _thread.is_writing = True
    try:
        # Whatever is wrong with a record, the job goes on.
        with suppress(Exception):
            write(line_of(record.created, record.levelname, record.name, _text_of(record)))
    finally:
        _thread.is_writing = False


def _text_of(record: logging.LogRecord) -> str:
    parts = [_message_of(record)]
    if record.exc_info and record.exc_info[0] is not None:
        parts.append("".join(format_exception(*record.exc_info)).rstrip("\n"))
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)
