"""Questions to stores that may not answer."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from django.db import Error as DatabaseError
from django.utils.translation import gettext

from django_taskq.control import database_of, store_of
from django_taskq.jobs.wording import gettext_noop
from django_taskq.missing_tables import LACKS, explain_error
from django_taskq.stores.base import Store
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.loop import told

# Questions that a store may leave open at a time.
MOST_OPEN = 10


class NoAnswer(Exception):
    """A store gave no answer in time, or an error; the text says which, in English."""

    def __init__(self, text: str, **values: Any) -> None:
        super().__init__(text % values)
        self._text, self._values = text, values

    def told(self) -> str:
        """Return the text in the language of who reads it."""
        return gettext(self._text) % self._values


def ask[T](
    aliases: Sequence[str], question: Callable[[Store], T], timeout: float
) -> dict[str, T | NoAnswer]:
    """Put a question to the stores of these aliases, each in a thread of its own.

    A store that hangs keeps its thread, which ends with the process at the latest. One that has
    not answered MOST_OPEN questions is asked no more until it has: who asks again and again would
    fill the process with threads.
    """
    boxes = {alias: _put(alias, question) for alias in aliases}
    deadline = monotonic() + timeout
    answers: dict[str, T | NoAnswer] = {}
    for alias, box in boxes.items():
        try:
            answers[alias] = box.get(timeout=max(0.001, deadline - monotonic()))
        except Empty:
            answers[alias] = NoAnswer(
                gettext_noop("The store has not answered within %(seconds)g s."), seconds=timeout
            )
    return answers


class _OpenQuestions:
    """How many questions each alias has not answered yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def enter(self, alias: str) -> bool:
        """Take note of one more, unless there are too many."""
        with self._lock:
            if self._counts[alias] >= MOST_OPEN:
                return False
            self._counts[alias] += 1
            return True

    def leave(self, alias: str) -> None:
        """Take note of an answer."""
        with self._lock:
            self._counts[alias] -= 1


_open_questions = _OpenQuestions()


def _put[T](alias: str, question: Callable[[Store], T]) -> "SimpleQueue[T | NoAnswer]":
    box: SimpleQueue[T | NoAnswer] = SimpleQueue()
    if not _open_questions.enter(alias):
        text = gettext_noop("The store has left %(count)d questions without an answer.")
        box.put(NoAnswer(text, count=MOST_OPEN))
        return box

    def answer() -> None:
        try:
            box.put(question(store_of(alias)))
        except Exception as error:
            box.put(_why(alias, error))
        finally:
            drop_connections()
            _open_questions.leave(alias)

    threading.Thread(target=answer, name=f"taskq-{alias}-health", daemon=True).start()
    return box


def _why(alias: str, error: Exception) -> NoAnswer:
    missing = explain_error([database_of(alias)]) if isinstance(error, DatabaseError) else None
    if missing is not None:
        return NoAnswer(LACKS, **missing._asdict())
    return NoAnswer(gettext_noop("The store cannot be asked: %(error)s"), error=told(error))
