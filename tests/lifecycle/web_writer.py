"""A web process: writes rows of its own and enqueues in the same transactions.

    python -m tests.lifecycle.web_writer SECONDS

What its users would have seen of errors goes into the journal.
"""

import os
import sys
from itertools import count
from time import monotonic

import django
from django.db import connections, transaction

PAUSE = 0.002


class Undo(Exception):
    """Rolls a request back."""


def main(seconds: float) -> None:
    django.setup()
    from tests.lifecycle.journal import journal_of_process
    from tests.lifecycle.tasks import rest

    journal = journal_of_process()
    end = monotonic() + seconds
    for number in count():
        if monotonic() >= end:
            return
        try:
            for id in _request(number):
                journal.write("acked", id)
        except Undo:
            pass
        except Exception as error:
            journal.write("error", note=f"{type(error).__name__}: {error}")
        rest(PAUSE)


def _request(number: int) -> list[str]:
    """Serve one request; return the ids of the jobs that its commit has stored."""
    from tests.lifecycle.tasks import work

    if number % 5 == 0:
        return [work.enqueue().id]
    if number % 50 == 1:
        return [result.id for result in work.enqueue_many([((), {})] * 20)]
    with transaction.atomic(using="stage"), connections["stage"].cursor() as cursor:
        # A read first: without the write lock from the start this is what fails.
        cursor.execute("SELECT count(*) FROM page")
        cursor.execute("INSERT INTO page (writer, number) VALUES (%s, %s)", (os.getpid(), number))
        id = work.enqueue().id
        if number % 7 == 0:
            raise Undo
    return [id]


if __name__ == "__main__":
    main(float(sys.argv[1]))
