"""A `runworker` that kills all its processes at one moment of its work.

    python -m tests.lifecycle.failing_worker VERB before|after [ARGUMENT OF runworker ...]
    python -m tests.lifecycle.failing_worker statement NUMBER [ARGUMENT OF runworker ...]

The first form dies right before or after the store's verb, at its first call that matters. The
second dies right after the worker's n-th statement has been carried out by the database.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import django
from django.core.management import execute_from_command_line

from django_taskq.jobs.outcome import Outcome, Verdict

# Whether an answer says that the verb did what the test is about; without an entry any does.
MATTERS: dict[str, Callable[[Any], bool]] = {
    "claim": bool,
    "promote": lambda promoted: promoted.count > 0,
    "reap": lambda reaped: reaped.released > 0,
}
# A worker gives back what never started by a finish that releases.
ASKED: dict[str, Callable[[Sequence[Outcome]], bool]] = {
    "release": lambda outcomes: any(each.verdict is Verdict.RELEASED for each in outcomes)
}
VERBS = {"release": "finish"}
# How many calls come before the one that matters, where that is known before its answer.
CALLS_BEFORE = {"promote": 1}


def die() -> None:
    """End this process and its supervisor as a power cut would."""
    os.killpg(0, signal.SIGKILL)


def deadly(verb: Callable[..., Any], name: str, moment: str) -> Callable[..., Any]:
    """Wrap a verb so that the process dies before or after its first call that matters."""
    calls = count()

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if name in ASKED and not ASKED[name](args[-1]):
            return verb(*args, **kwargs)
        if moment == "before" and next(calls) == CALLS_BEFORE.get(name, 0):
            die()
        answer = verb(*args, **kwargs)
        if moment == "after" and MATTERS.get(name, lambda answer: True)(answer):
            die()
        return answer

    return wrapped


class DeadlyStatements:
    """Counts what is sent to the database by any thread, and dies after the n-th statement."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._count = 0
        self._lock = threading.Lock()

    def watch(self, *, connection: Any, **kwargs: Any) -> None:
        """Watch a connection from its start."""
        connection.execute_wrappers.append(self._execute)

    def _execute(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        result = execute(sql, params, many, context)
        with self._lock:
            self._count += 1
            if self._count == self._last:
                die()
        return result


def main() -> None:
    """Start the worker."""
    verb, moment, *arguments = sys.argv[1:]
    django.setup()
    if verb == "statement":
        from django.db.backends.signals import connection_created

        watcher = DeadlyStatements(int(moment))
        connection_created.connect(watcher.watch)
    else:
        from django_taskq.stores.database import DatabaseStore

        name = VERBS.get(verb, verb)
        setattr(DatabaseStore, name, deadly(getattr(DatabaseStore, name), verb, moment))
    execute_from_command_line(["manage.py", "runworker", *arguments])


if __name__ == "__main__":
    main()
