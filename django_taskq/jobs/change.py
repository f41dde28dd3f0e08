"""What became of one job that somebody wanted changed."""

from typing import NamedTuple

from django_taskq.jobs.states import State


class Change(NamedTuple):
    """What a cancel or retry did to one job: its id and its state before and after.

    `before` is None where no such job exists. `is_asked` tells that a running job was asked to
    stop, `is_amended` that a waiting one has the queue and priority that were asked for. The two
    states are equal where nothing else was done; where that was since another job holds the
    predictable id, `held_by` is the id of that one, UNSEEN where it cannot be seen from inside of
    the caller's transaction.
    """

    id: str
    before: State | str | None
    after: State | str | None
    is_asked: bool = False
    held_by: str | None = None
    is_amended: bool = False


# Stands for the id of a job that the caller's transaction cannot see.
UNSEEN = "(unseen)"
